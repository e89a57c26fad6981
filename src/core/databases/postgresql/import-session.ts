/** The importer's own connection to the scratch database. Errors name the statement's first words only. */

import type { Writable } from 'node:stream';
import type { Connection, Submittable } from 'pg';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { throwIfInterrupted } from '../../interruption.ts';
import { printable, quoted } from '../../printable.ts';
import { tlsOptions } from '../tls.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import type { Said } from './import-encoding.ts';
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
  const { default: pg } = await import('pg');
  const { from } = await import('pg-copy-streams');
  const address = addressOf(config);
  const hosts = address.host.startsWith('/') ? [address.host, '127.0.0.1'] : [address.host];
  let cause: unknown;
  for (const host of hosts) {
    throwIfInterrupted(signal, 'the import');
    const client = new pg.Client({
      host,
      port: address.port,
      user: config.user ?? '',
      password: config.password ?? '',
      database,
      ...(config.tls === undefined || config.socket !== undefined
        ? {}
        : { ssl: await tlsOptions(config.tls) }),
      connectionTimeoutMillis: 10_000,
      application_name: 'holdfast-import',
      options: `-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 ${textSettings}`,
    });
    let isOpen = true;
    let passedOver = false;
    client.on('notice', ({ code }) => {
      if (code === '01006' || code === '01007') passedOver = true;
    });
    for (const event of ['error', 'end'] as const) client.on(event, () => (isOpen = false));
    try {
      await client.connect();
    } catch (error) {
      cause = error;
      await client.end().catch(() => {});
      continue;
    }
    const onAbort = (): void => void client.end().catch(() => {});
    signal.addEventListener('abort', onAbort, { once: true });
    const send = ({ text, bytes }: Said): Promise<unknown> => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const query = new pg.Query(alone(text), (error) => (error ? reject(error) : resolve()));
      client.query(inBytes(query, bytes));
      return promise;
    };
    const session: ImportSession = {
      backend: (client as unknown as { readonly processID: number }).processID,
      async run(statement) {
        throwIfInterrupted(signal, 'the import');
        const said = typeof statement === 'string' ? { text: statement, bytes: null } : statement;
        await send(said).catch((error: unknown) => {
          throw session.failed(error, said.text);
        });
      },
      async rows(sql, values = []) {
        throwIfInterrupted(signal, 'the import');
        const result = await client
          .query<Record<string, unknown>>(sql, [...values])
          .catch((error: unknown) => {
            throw session.failed(error, sql);
          });
        return result.rows;
      },
      async copyInto(statement) {
        throwIfInterrupted(signal, 'the import');
        return client.query(inBytes(from(statement.text), statement.bytes)) as unknown as Writable;
      },
      passedOverRights() {
        const was = passedOver;
        passedOver = false;
        return was;
      },
      failed(error, statement) {
        throwIfInterrupted(signal, 'the import');
        if (isHoldfastError(error)) return error;
        if (isConnectionLost(error, { isOpen })) return unreachable(config, error);
        if (sqlState(error) === undefined) return error;
        const why = printable((error as Error).message, 500);
        const what = statement.replace(/\s+/g, ' ').slice(0, 60);
        return new HoldfastError('IMPORT_FAILED', `the server refused ${quoted(what)}: ${why}`, {
          cause: error,
          hint: 'Mend what the server complains about, then run the command again.',
        });
      },
      async close() {
        signal.removeEventListener('abort', onAbort);
        await client.end().catch(() => {});
      },
    };
    return session;
  }
  const why = printable(cause instanceof Error ? cause.message : String(cause));
  throw new HoldfastError('IMPORT_FAILED', `the role that loads the dump cannot log in: ${why}`, {
    hint: 'Let roles with a password log in from this machine (pg_hba.conf), then run the command again.',
  });
}

/** In messages in which the server takes one statement and no more, wherever it sees its end. The driver's types lack this. */
const alone = (text: string): { readonly text: string } => {
  const config = { text, queryMode: 'extended' };
  return config;
};

/** The driver writes text as UTF-8; where there are `bytes`, the server gets those in its place. */
function inBytes<T extends Submittable>(query: T, bytes: Buffer | null): T {
  if (bytes === null) return query;
  const submit = query.submit.bind(query);
  query.submit = (connection) => {
    const write = (message: Buffer): void => void connection.stream.write(message);
    const end = Buffer.alloc(1);
    const noTypes = Buffer.alloc(2);
    const send = {
      query: { value: () => write(messageOf('Q', [bytes, end])) },
      parse: { value: () => write(messageOf('P', [end, bytes, end, noTypes])) },
    };
    submit(Object.create(connection, send) as Connection);
  };
  return query;
}

function messageOf(type: string, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
