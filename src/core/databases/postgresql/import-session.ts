/** The importer's own connection to the scratch database. Errors name the statement's first words only. */

import type { Writable } from 'node:stream';
import type { Client } from 'pg';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { throwIfInterrupted } from '../../interruption.ts';
import { printable, quoted } from '../../printable.ts';
import { tlsOptions } from '../tls.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import type { Said } from './import-encoding.ts';
import { loadSender, type Sender } from './import-sender.ts';
import { addressOf, isConnectionLost, type Row, sqlState, textSettings, unreachable } from './session.ts';

export interface ImportSession {
  /** Process id of this session's server process. */
  readonly backend: number;
  /** @throws IMPORT_FAILED, DATABASE_UNREACHABLE */
  run(statement: string | Said): Promise<void>;
  /** @throws IMPORT_FAILED, DATABASE_UNREACHABLE */
  rows(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Takes the rows of a COPY … FROM stdin. */
  copyInto(statement: Said): Promise<Writable>;
  /** Whether since the last call the server has passed over rights that the importer may not give or take: no error to it. */
  passedOverRights(): boolean;
  /** IMPORT_FAILED, whose cause is the server's error, or DATABASE_UNREACHABLE. */
  failed(cause: unknown, statement: string): unknown;
  close(): Promise<void>;
}

/** Of the server itself, and not of what the statement says. */
const ofServer = /^(40|53|57|58|XX)/;

/**
 * Runs what an import can do without.
 *
 * @returns why the server refused it; null where it is done
 * @throws IMPORT_FAILED the server is short of something or interrupted it; DATABASE_UNREACHABLE
 */
export async function refusal(session: ImportSession, statement: Said): Promise<string | null> {
  try {
    await session.run(statement);
    return null;
  } catch (error) {
    const state = isHoldfastError(error) ? sqlState(error.cause) : undefined;
    if (!isHoldfastError(error) || error.code !== 'IMPORT_FAILED' || state === undefined) throw error;
    if (ofServer.test(state)) throw error;
    return printable((error.cause as Error).message, 200);
  }
}

/**
 * Logs in with a password. Where the configured socket would ask the system who we are, the server's TCP
 * port on this machine is tried.
 *
 * @throws IMPORT_FAILED the role cannot log in
 */
export async function openImportSession(
  config: DatabaseInstanceConfig,
  database: string,
  signal: AbortSignal,
): Promise<ImportSession> {
  const sender = await loadSender();
  const { host } = addressOf(config);
  let cause: unknown;
  for (const one of host.startsWith('/') ? [host, '127.0.0.1'] : [host]) {
    throwIfInterrupted(signal, 'the import');
    const client = await clientFor(config, one, database);
    const session = new ClientSession(client, { sender, config, signal });
    try {
      await session.connect();
      return session;
    } catch (error) {
      cause = error;
      await session.close();
    }
  }
  const why = printable(cause instanceof Error ? cause.message : String(cause));
  throw new HoldfastError('IMPORT_FAILED', `the role that loads the dump cannot log in: ${why}`, {
    hint: 'Let roles with a password log in from this machine (pg_hba.conf), then run the command again.',
  });
}

async function clientFor(config: DatabaseInstanceConfig, host: string, database: string): Promise<Client> {
  const { default: pg } = await import('pg');
  return new pg.Client({
    host,
    port: addressOf(config).port,
    user: config.user ?? '',
    password: config.password ?? '',
    database,
    ...(config.tls === undefined || config.socket !== undefined ? {} : { ssl: await tlsOptions(config.tls) }),
    connectionTimeoutMillis: 10_000,
    application_name: 'holdfast-import',
    options: `-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 ${textSettings}`,
  });
}

interface Surroundings {
  readonly sender: Sender;
  readonly config: DatabaseInstanceConfig;
  /** Ends the connection. */
  readonly signal: AbortSignal;
}

class ClientSession implements ImportSession {
  readonly #client: Client;
  readonly #sender: Sender;
  readonly #config: DatabaseInstanceConfig;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => void this.#end();
  #isOpen = true;
  #passedOver = false;

  constructor(client: Client, { sender, config, signal }: Surroundings) {
    this.#client = client;
    this.#sender = sender;
    this.#config = config;
    this.#signal = signal;
    client.on('notice', ({ code }) => {
      if (code === '01006' || code === '01007') this.#passedOver = true;
    });
    for (const event of ['error', 'end'] as const) client.on(event, () => (this.#isOpen = false));
  }

  get backend(): number {
    return (this.#client as unknown as { readonly processID: number }).processID;
  }

  /** @throws the driver's error */
  async connect(): Promise<void> {
    await this.#client.connect();
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  async run(statement: string | Said): Promise<void> {
    throwIfInterrupted(this.#signal, 'the import');
    const said = typeof statement === 'string' ? { text: statement, bytes: null } : statement;
    await this.#sender.send(this.#client, said).catch((error: unknown) => {
      throw this.failed(error, said.text);
    });
  }

  async rows(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    throwIfInterrupted(this.#signal, 'the import');
    const asked = this.#client.query<Record<string, unknown>>(sql, [...values]);
    const result = await asked.catch((error: unknown) => {
      throw this.failed(error, sql);
    });
    return result.rows;
  }

  async copyInto(statement: Said): Promise<Writable> {
    throwIfInterrupted(this.#signal, 'the import');
    return this.#sender.copyInto(this.#client, statement);
  }

  passedOverRights(): boolean {
    const was = this.#passedOver;
    this.#passedOver = false;
    return was;
  }

  failed(error: unknown, statement: string): unknown {
    throwIfInterrupted(this.#signal, 'the import');
    if (isHoldfastError(error)) return error;
    if (isConnectionLost(error, { isOpen: this.#isOpen })) return unreachable(this.#config, error);
    if (sqlState(error) === undefined) return error;
    const why = printable((error as Error).message, 500);
    const what = statement.replace(/\s+/g, ' ').slice(0, 60);
    return new HoldfastError('IMPORT_FAILED', `the server refused ${quoted(what)}: ${why}`, {
      cause: error,
      hint: 'Mend what the server complains about, then run the command again.',
    });
  }

  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.#client.end().catch(() => {});
  }
}
