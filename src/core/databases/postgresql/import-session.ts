/** The importer's own connection to the scratch database. Errors name the statement's first words only. */

import type { Writable } from 'node:stream';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { throwIfInterrupted } from '../../interruption.ts';
import { printable, quoted } from '../../printable.ts';
import { tlsOptions } from '../tls.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { addressOf, type Row, sqlState } from './session.ts';

export interface ImportSession {
  /** @throws IMPORT_FAILED */
  run(statement: string): Promise<void>;
  /** @throws IMPORT_FAILED */
  rows(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Takes the rows of a COPY … FROM stdin. */
  copyInto(statement: string): Promise<Writable>;
  failed(cause: unknown, statement: string): unknown;
  close(): Promise<void>;
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
      options: '-c statement_timeout=0 -c idle_in_transaction_session_timeout=0',
    });
    client.on('error', () => {});
    try {
      await client.connect();
    } catch (error) {
      cause = error;
      await client.end().catch(() => {});
      continue;
    }
    const onAbort = (): void => void client.end().catch(() => {});
    signal.addEventListener('abort', onAbort, { once: true });
    const session: ImportSession = {
      async run(statement) {
        throwIfInterrupted(signal, 'the import');
        await client.query(statement).catch((error: unknown) => {
          throw session.failed(error, statement);
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
        return client.query(from(statement)) as unknown as Writable;
      },
      failed(error, statement) {
        throwIfInterrupted(signal, 'the import');
        if (isHoldfastError(error) || sqlState(error) === undefined) return error;
        const why = printable((error as Error).message, 500);
        const what = statement.replace(/\s+/g, ' ').slice(0, 60);
        return new HoldfastError('IMPORT_FAILED', `the server refused ${quoted(what)}: ${why}`, {
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
