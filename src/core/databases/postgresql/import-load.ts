/**
 * Runs a dump through the driver as the importer, and notes what its stream held. A custom archive is
 * turned into SQL by pg_restore on the way, which also proves it whole.
 */

import { once } from 'node:events';
import { HoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { describeEnd } from '../client-dump.ts';
import { type ClientProcess, startClient } from '../client-process.ts';
import type { ImportedTable } from '../import/types.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { findClients, localEnvironment } from './clients.ts';
import { checkLoaded } from './import-check.ts';
import { isBare, judge, type Verdict } from './import-filter.ts';
import { giveToOwners, type OwnerStatement } from './import-owner.ts';
import type { AccountRoles } from './import-roles.ts';
import type { ImportSession } from './import-session.ts';
import { ScriptSplitter } from './import-split.ts';

/** What the dump's own stream held. */
interface Tally {
  readonly tables: Map<string, number>;
  readonly owners: (OwnerStatement & { readonly statement: string })[];
  readonly skipped: Set<string>;
  readonly missingRoles: Set<string>;
  /** Nothing is there yet that the dump has made, but for schemas. */
  bare: boolean;
}

export interface LoadedScript extends Pick<Tally, 'owners' | 'skipped' | 'missingRoles'> {
  readonly counted: readonly ImportedTable[];
}

export interface LoadOptions {
  readonly roles: AccountRoles;
  /** Null: rows of all tables. */
  readonly tables: readonly string[] | null;
  /** As the administrator, where the importer may not and nothing but schemas is there. */
  readonly extension: (extension: {
    readonly name: string;
    readonly schema: string | null;
    readonly bare: boolean;
  }) => Promise<void>;
}

/**
 * Everything is done in the importer's session, owners and the count of rows as well.
 *
 * @throws IMPORT_REFUSED, IMPORT_FAILED; PATH_NOT_FOUND a wanted table is not in it
 */
export async function loadScript(
  session: ImportSession,
  script: AsyncIterable<Uint8Array>,
  options: LoadOptions,
): Promise<LoadedScript> {
  const loaded: Tally = {
    tables: new Map(),
    owners: [],
    skipped: new Set(),
    missingRoles: new Set(),
    bare: true,
  };
  const last: string[] = [];
  const splitter = new ScriptSplitter();
  let copy: { readonly verdict: Verdict & { type: 'copy' }; readonly sink: Sink } | null = null;
  const take = async (item: ReturnType<ScriptSplitter['feed']> extends Iterable<infer I> ? I : never) => {
    if (item.type === 'rows') {
      if (copy === null) return;
      await copy.sink.write(item.bytes);
      add(loaded, copy.verdict.table, copy.sink.counts ? item.rows : 0);
    } else if (item.type === 'rows-end') {
      await copy?.sink.end();
      copy = null;
    } else {
      const verdict = judge(item.text, item.line);
      if (verdict.type === 'copy')
        copy = { verdict, sink: await openSink(session, item.text, verdict.table, options) };
      else await runOne(session, item.text, verdict, { options, loaded, last });
      if (!leavesBare.has(verdict.type) && !isBare(item.text)) loaded.bare = false;
    }
  };
  for await (const chunk of script) for (const item of splitter.feed(chunk)) await take(item);
  for (const item of splitter.end()) await take(item);
  // What a dump leaves open, the end of the session would take back.
  await session.run('COMMIT');
  await session.run('ANALYZE');
  const counted = await checkLoaded(session, loaded.tables, options.tables);
  for (const statement of last) await session.run(statement);
  await giveToOwners(session, loaded.owners, options.roles);
  return { ...loaded, counted };
}

/** Not run, not run yet, or nothing that the dump has written. */
const leavesBare: ReadonlySet<Verdict['type']> = new Set(['extension', 'skip', 'owner', 'last'] as const);

function add({ tables }: Tally, table: string, rows: number): void {
  tables.set(table, (tables.get(table) ?? 0) + rows);
}

interface Sink {
  readonly counts: boolean;
  write(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
}

const noSink: Sink = { counts: false, async write() {}, async end() {} };

async function openSink(
  session: ImportSession,
  statement: string,
  table: string,
  { tables }: LoadOptions,
): Promise<Sink> {
  if (!isWanted(table, tables)) return noSink;
  const stream = await session.copyInto(statement);
  const failed = new Promise<never>((_, reject) => stream.once('error', reject));
  failed.catch(() => {});
  return {
    counts: true,
    async write(bytes) {
      if (!stream.write(bytes)) await Promise.race([once(stream, 'drain'), failed]);
    },
    async end() {
      const done = once(stream, 'finish');
      stream.end();
      await Promise.race([done, failed]).catch((cause: unknown) => {
        throw session.failed(cause, statement);
      });
    },
  };
}

/** A table is named alone, or with its schema. */
function isWanted(table: string, wanted: readonly string[] | null): boolean {
  return wanted === null || wanted.includes(table) || wanted.includes(table.slice(table.indexOf('.') + 1));
}

interface Running {
  readonly options: LoadOptions;
  readonly loaded: Tally;
  readonly last: string[];
}

async function runOne(
  session: ImportSession,
  text: string,
  verdict: Verdict,
  { options, loaded, last }: Running,
): Promise<void> {
  switch (verdict.type) {
    case 'skip':
      if (verdict.what !== null) loaded.skipped.add(verdict.what);
      return;
    case 'last':
      last.push(text);
      return;
    case 'owner':
      loaded.owners.push({ statement: text, role: verdict.role, ofSchema: verdict.ofSchema });
      return;
    case 'extension':
      await options.extension({ name: verdict.name, schema: verdict.schema, bare: loaded.bare });
      return;
    case 'grant': {
      const missing = verdict.roles.filter((role) => !options.roles.existing.has(role));
      for (const role of missing) loaded.missingRoles.add(role);
      if (missing.length === 0) await session.run(text);
      return;
    }
    case 'foreign-key':
      // With the rows of some tables only, most keys would lead nowhere.
      if (options.tables === null) await session.run(text);
      return;
    case 'insert':
      if (!isWanted(verdict.table, options.tables)) return;
      await session.run(text);
      add(loaded, verdict.table, verdict.rows);
      return;
    default:
      if (verdict.type === 'table') add(loaded, verdict.table, 0);
      await session.run(text);
  }
}

/** SQL of a custom archive. @throws IMPORT_FAILED the archive cannot be read to its end */
export async function* scriptOf(
  config: DatabaseInstanceConfig,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { restore } = findClients(config);
  const client = startClient({ path: restore, args: ['-f', '-'], env: localEnvironment(), input: true });
  const onAbort = (): void => client.kill();
  signal.addEventListener('abort', onAbort, { once: true });
  let broken: unknown;
  const reader = new AbortController();
  const feeding = feed(client, archive, reader.signal).catch((error: unknown) => {
    broken = error;
    client.kill();
  });
  try {
    for await (const chunk of client.stdout ?? []) yield chunk as Buffer;
    await feeding;
    const failure = describeEnd(await client.ended, client.name, []);
    if (broken !== undefined) throw broken;
    if (failure !== null) {
      throw new HoldfastError('IMPORT_FAILED', `the archive cannot be read: ${printable(failure, 500)}`, {
        hint: 'Import another dump; the live database is as it was.',
      });
    }
  } catch (error) {
    // A client that was killed for it closes its output: what failed first is what is told.
    throw broken ?? error;
  } finally {
    reader.abort();
    signal.removeEventListener('abort', onAbort);
    client.kill();
    await client.ended;
  }
}

/** To the archive's own end, which proves it whole, also where pg_restore has read enough before. */
async function feed(
  { stdin, ended }: ClientProcess,
  archive: AsyncIterable<Uint8Array>,
  unwanted: AbortSignal,
): Promise<void> {
  for await (const chunk of archive) {
    if (unwanted.aborted) return;
    if (stdin === null || stdin.destroyed || !stdin.writable || stdin.write(chunk)) continue;
    const drained = new AbortController();
    const { signal } = drained;
    await Promise.race([once(stdin, 'drain', { signal }), once(stdin, 'close', { signal }), ended]).catch(
      () => {},
    );
    drained.abort();
  }
  stdin?.end();
}
