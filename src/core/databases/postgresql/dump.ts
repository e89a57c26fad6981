/**
 * One run of pg_dump from an exported snapshot, proved by a full read: every byte passes a walk through the
 * archive's layout, or where a newer pg_dump writes one that we do not know, pg_restore reads along. The
 * table of contents alone would not show a truncation.
 */

import { once } from 'node:events';
import type { ExportResult } from '../../contracts/database.ts';
import { ClientDump, type DumpCheck, describeEnd } from '../client-dump.ts';
import { type ClientProcess, startClient } from '../client-process.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { ArchiveWalk, archiveHeadBytes, isKnownArchive } from './archive-check.ts';
import { withoutTime } from './archive-time.ts';
import { connectionEnvironment, localEnvironment, type PostgresqlClients } from './clients.ts';
import type { Session } from './session.ts';

export interface DumpContext {
  readonly config: DatabaseInstanceConfig;
  readonly clients: PostgresqlClients;
  readonly signal: AbortSignal;
  readonly stallMs: number;
  /** SQL text instead of the custom format. */
  readonly plain: boolean;
}

export interface OpenSnapshot extends Pick<Session, 'clientOptions'> {
  readonly id: string;
  /**
   * The database's own, whatever it has set for clients: in any other one pg_dump fails at the first text that has no
   * place there.
   */
  readonly encoding: string;
}

/** Longest wait of pg_dump for another session's lock on a table. */
const lockWaitMs = 60_000;

export function startDump(
  database: string,
  { id, encoding, clientOptions }: OpenSnapshot,
  result: ExportResult,
  { config, clients, signal, stallMs, plain }: DumpContext,
): ClientDump {
  // Row-level security that would cut this role's view makes pg_dump fail; --enable-row-security would not.
  const format = plain ? ['-Fp'] : ['-Fc', '-Z0'];
  const args = [...format, '--no-password', `--snapshot=${id}`, `--lock-wait-timeout=${lockWaitMs}`];
  return new ClientDump({
    databases: [database],
    client: startClient({
      path: clients.dump,
      args,
      env: connectionEnvironment(config, database, { options: clientOptions, encoding }),
    }),
    check: plain ? new PlainTrailerCheck() : new ArchiveCheck(clients.restore),
    result: () => result,
    rewrite: withoutTime,
    signal,
    stallMs,
    secrets: config.password === undefined ? [] : [config.password],
  });
}

/** The trailer of SQL text; newer clients end a restriction of psql after it. */
class PlainTrailerCheck implements DumpCheck {
  #tail = Buffer.alloc(0);

  chunk(bytes: Uint8Array): void {
    this.#tail = Buffer.from(Buffer.concat([this.#tail, bytes]).subarray(-512));
  }

  async end(): Promise<string | null> {
    const trailer =
      /(^|\n)--\n-- PostgreSQL database dump complete\n--\n\n(\\unrestrict [A-Za-z0-9]+\n\n?)?$/;
    return trailer.test(this.#tail.toString('latin1'))
      ? null
      : 'the dump is cut short: its last lines are not the trailer';
  }

  async stop(): Promise<void> {}
}

/** Our own walk where the layout is known, else pg_restore. */
export class ArchiveCheck implements DumpCheck {
  readonly #restore: string;
  #head: Buffer | null = Buffer.alloc(0);
  #walk: ArchiveWalk | undefined;
  #reader: ReadBackCheck | undefined;

  constructor(restore: string) {
    this.#restore = restore;
  }

  chunk(bytes: Buffer): void | Promise<void> {
    if (this.#walk !== undefined) return this.#walk.push(bytes);
    if (this.#reader !== undefined) return this.#reader.chunk(bytes);
    const head = Buffer.concat([this.#head ?? Buffer.alloc(0), bytes]);
    this.#head = head;
    return head.length < archiveHeadBytes ? undefined : this.#choose(head);
  }

  async end(): Promise<string | null> {
    if (this.#walk === undefined) {
      if (this.#reader === undefined) await this.#choose(this.#head ?? Buffer.alloc(0));
      if (this.#reader !== undefined) return await this.#reader.end();
    }
    const wrong = this.#walk?.end() ?? null;
    return wrong === null ? null : `the archive cannot be read back: ${wrong}`;
  }

  async stop(): Promise<void> {
    await this.#reader?.stop();
  }

  #choose(head: Buffer): void | Promise<void> {
    this.#head = null;
    if (isKnownArchive(head)) {
      this.#walk = new ArchiveWalk();
      return this.#walk.push(head);
    }
    this.#reader = new ReadBackCheck(this.#restore);
    return this.#reader.chunk(head);
  }
}

/** Starts pg_restore with the first bytes, so that a dump that never begins costs no process. */
export class ReadBackCheck implements DumpCheck {
  readonly #path: string;
  #reader: ClientProcess | undefined;
  #gone = false;

  constructor(path: string) {
    this.#path = path;
  }

  async chunk(bytes: Uint8Array): Promise<void> {
    const stdin = this.#start().stdin;
    // A reader that has gone early says why in its exit status, at the end.
    if (this.#gone || stdin === null || stdin.destroyed || stdin.write(bytes)) return;
    const drained = new AbortController();
    const { signal } = drained;
    await Promise.race([once(stdin, 'drain', { signal }), once(stdin, 'close', { signal })]).catch(() => {});
    drained.abort();
  }

  async end(): Promise<string | null> {
    const reader = this.#start();
    reader.stdin?.end();
    const failure = describeEnd(await reader.ended, reader.name, []);
    return failure === null ? null : `the archive cannot be read back: ${failure}`;
  }

  async stop(): Promise<void> {
    this.#reader?.kill();
    await this.#reader?.ended;
  }

  #start(): ClientProcess {
    if (this.#reader !== undefined) return this.#reader;
    const reader = startClient({
      path: this.#path,
      args: ['-f', '/dev/null'],
      env: localEnvironment(),
      input: true,
      output: false,
    });
    void reader.ended.then(() => {
      this.#gone = true;
    });
    this.#reader = reader;
    return reader;
  }
}
