/**
 * One connection to a MariaDB or MySQL server, with the settings every query here relies on: names and
 * texts in utf8mb4, identifiers quoted by backticks, backslash escapes on. The driver loads here only.
 */

import { HoldfastError } from '../../errors.ts';
import { throwIfInterrupted } from '../../interruption.ts';
import { printable, quoted } from '../../printable.ts';
import { tlsOptions } from '../tls.ts';
import type { DatabaseInstanceConfig } from '../types.ts';

export type Row = readonly unknown[];

export interface Session {
  /** Rows as arrays, in the order of the selected columns. `?` stands for an escaped value. */
  rows(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Another one, as the same user, whose statements are bytes, one for each character. It is closed with this one. */
  bytes(): Promise<Session>;
  /** False once the connection is known to have ended. */
  readonly isOpen: boolean;
  /** Ends the connection; also after a failure. Never rejects. */
  close(): Promise<void>;
}

/** The server's number for what went wrong, e.g. 1205; undefined for errors of another origin. */
export function errorNumber(error: unknown): number | undefined {
  const number = (error as { errno?: unknown }).errno;
  return typeof number === 'number' && number > 0 ? number : undefined;
}

/** Another session holds a lock, or both wait for each other's: it may go well another time. */
export const lockErrors: ReadonlySet<number | undefined> = new Set([1205, 1213]);

/**
 * @param charset in which statements go to the server; `latin1`: each character is one byte
 * @throws DATABASE_UNREACHABLE
 */
export async function openSession(
  config: DatabaseInstanceConfig,
  signal: AbortSignal,
  charset: 'utf8mb4' | 'latin1' = 'utf8mb4',
): Promise<Session> {
  throwIfInterrupted(signal, `connecting to ${quoted(config.name)}`);
  const { createConnection } = await import('mysql2/promise');
  const connection = await createConnection({
    ...(config.socket === undefined
      ? { host: config.host ?? '127.0.0.1', port: config.port ?? 3306 }
      : { socketPath: config.socket }),
    user: config.user ?? 'root',
    password: config.password ?? '',
    charset,
    ...(config.tls === undefined || config.socket !== undefined ? {} : { ssl: await tlsOptions(config.tls) }),
    connectTimeout: 10_000,
    dateStrings: true,
    rowsAsArray: true,
  }).catch((cause: unknown) => {
    throw unreachable(config, cause);
  });
  // Errors of an idle connection come here; the next query fails with them as well.
  let isOpen = true;
  for (const event of ['error', 'end']) connection.on(event, () => (isOpen = false));
  const onAbort = () => connection.destroy();
  signal.addEventListener('abort', onAbort, { once: true });

  let ofBytes: Promise<Session> | null = null;
  const session: Session = {
    get isOpen() {
      return isOpen;
    },
    async rows(sql, values = []) {
      throwIfInterrupted(signal, `work on ${quoted(config.name)}`);
      try {
        const [rows] = await connection.query({ sql, values: [...values], rowsAsArray: true });
        return Array.isArray(rows) ? (rows as unknown as Row[]) : [];
      } catch (error) {
        // Where the connection broke during the query, no event tells of it.
        if ((error as { fatal?: unknown }).fatal === true) isOpen = false;
        throwIfInterrupted(signal, `work on ${quoted(config.name)}`);
        throw error;
      }
    },
    bytes() {
      ofBytes ??= openSession(config, signal, 'latin1');
      return ofBytes;
    },
    async close() {
      isOpen = false;
      await ofBytes?.then(
        (other) => other.close(),
        () => {},
      );
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) return;
      await connection.end().catch(() => connection.destroy());
    },
  };
  try {
    // A session that holds locks says nothing until a dump has ended, perhaps a day later.
    await session.rows(
      "SET SESSION autocommit = 1, sql_mode = '', sql_quote_show_create = 1, wait_timeout = 31536000",
    );
  } catch (cause) {
    await session.close();
    throw unreachable(config, cause);
  }
  return session;
}

/** Opens a session for the time of `work`. Failures of a query become DATABASE_UNREACHABLE. */
export async function withSession<T>(
  config: DatabaseInstanceConfig,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(config, signal);
  try {
    return await work(session);
  } catch (cause) {
    throw unreachable(config, cause);
  } finally {
    await session.close();
  }
}

/** What failed, as an error of the contract. */
export function unreachable(config: DatabaseInstanceConfig, cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  const { message, code } = cause as { message?: string; code?: string };
  const why = printable(message === undefined || message === '' ? (code ?? 'unknown error') : message);
  const where = config.socket ?? `${config.host ?? '127.0.0.1'}:${config.port ?? 3306}`;
  return new HoldfastError(
    'DATABASE_UNREACHABLE',
    `database server ${quoted(config.name)} at ${printable(where)} does not answer: ${why}`,
    { cause, hint: 'Check that it runs, and the socket, user and password in config.json.' },
  );
}

/** A cell as text; binary cells are read as UTF-8, NULL is empty. */
export function text(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  return cell instanceof Uint8Array ? Buffer.from(cell).toString('utf8') : String(cell);
}
