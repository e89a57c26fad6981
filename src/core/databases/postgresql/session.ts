/** One connection to one database of a PostgreSQL server. The driver loads here only. */

import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { throwIfInterrupted } from '../../interruption.ts';
import { printable, quoted } from '../../printable.ts';
import { tlsOptions } from '../tls.ts';
import type { DatabaseInstanceConfig } from '../types.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface Session {
  /** What a client has to set for a session like this one, as PGOPTIONS. */
  readonly clientOptions: string;
  rows(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** False once the connection is known to have ended. */
  readonly isOpen: boolean;
  /** Ends the connection; also after a failure. Never rejects. */
  close(): Promise<void>;
}

/** Whether it is the connection that has ended, and not a statement that was refused. The driver's own errors have no code. */
export function isConnectionLost(error: unknown, { isOpen }: Pick<Session, 'isOpen'>): boolean {
  const state = sqlState(error);
  return state === undefined ? !isOpen : /^(08|57P)/.test(state);
}

/** Where a client finds the server, for the driver and for pg_dump's environment alike. */
export interface Address {
  /** A name, or the directory of a socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

export function addressOf(config: DatabaseInstanceConfig): Address {
  const socket = /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(config.socket ?? '');
  return {
    host: socket?.[1] ?? config.socket ?? config.host ?? '127.0.0.1',
    port: config.port ?? Number(socket?.[2] ?? 5432),
    user: config.user ?? 'postgres',
  };
}

/** Where the server keeps what concerns all its databases. */
export const maintenanceDatabase = 'postgres';
/** The server's own, told by their names: any owner may make a template of his database. */
export const systemDatabases = [maintenanceDatabase, 'template0', 'template1'] as const;

/** The server's five characters for what went wrong; undefined for errors of another origin. */
export function sqlState(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined;
}

/**
 * Whatever an account has set for its database, we come as ourselves, without code of its choice, and wait as long as we
 * want: pg_dump lifts these limits too, but not before its first questions.
 */
const ownLimits =
  '-c role=none -c local_preload_libraries= -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0';
/**
 * What text of a dump means, where pg_dump itself does not set it: an amount of `money` written for one country is read
 * as another amount for the next, without an error. Exports and imports alike go by these.
 */
export const textSettings =
  '-c lc_monetary=C -c standard_conforming_strings=on -c quote_all_identifiers=off -c bytea_output=hex -c IntervalStyle=postgres -c array_nulls=on -c transform_null_equals=off';
const ownSettings = `${ownLimits} ${textSettings}`;
const sessionSettings = '-c search_path=pg_catalog';
/** PostgreSQL 14 and newer; an older one does not know the name. */
const newerSettings = '-c idle_session_timeout=0';

/** @throws DATABASE_UNREACHABLE, whose cause is the driver's error */
export async function openSession(
  config: DatabaseInstanceConfig,
  database: string,
  signal: AbortSignal,
): Promise<Session> {
  try {
    return await connect(config, database, { own: `${ownSettings} ${newerSettings}`, signal });
  } catch (error) {
    if (!isHoldfastError(error) || sqlState(error.cause) !== unknownSetting) throw error;
    return await connect(config, database, { own: ownSettings, signal });
  }
}

const unknownSetting = '42704';

async function connect(
  config: DatabaseInstanceConfig,
  database: string,
  { own, signal }: { readonly own: string; readonly signal: AbortSignal },
): Promise<Session> {
  const what = `work on ${quoted(config.name)}`;
  throwIfInterrupted(signal, what);
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    ...addressOf(config),
    database,
    ...(config.password === undefined ? {} : { password: config.password }),
    ...(config.tls === undefined || config.socket !== undefined ? {} : { ssl: await tlsOptions(config.tls) }),
    connectionTimeoutMillis: 10_000,
    application_name: 'holdfast',
    // Given outright, so that the driver does not look into our environment.
    options: `${own} ${sessionSettings}`,
  });
  let isOpen = true;
  // Errors of an idle connection come here; the next query fails with them as well.
  for (const event of ['error', 'end'] as const) client.on(event, () => (isOpen = false));
  const onAbort = () => void client.end().catch(() => {});
  const session: Session = {
    clientOptions: own,
    get isOpen() {
      return isOpen;
    },
    async rows(sql, values = []) {
      throwIfInterrupted(signal, what);
      try {
        return (await client.query<Record<string, unknown>>(sql, [...values])).rows;
      } catch (error) {
        throwIfInterrupted(signal, what);
        throw error;
      }
    },
    async close() {
      isOpen = false;
      signal.removeEventListener('abort', onAbort);
      await client.end().catch(() => {});
    },
  };
  try {
    await client.connect();
    signal.addEventListener('abort', onAbort, { once: true });
    return session;
  } catch (cause) {
    await session.close();
    throw unreachable(config, cause);
  }
}

/** Opens a session for the time of `work`. Failures of a query become DATABASE_UNREACHABLE. */
export async function withSession<T>(
  config: DatabaseInstanceConfig,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(config, maintenanceDatabase, signal);
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
  const { host, port } = addressOf(config);
  return new HoldfastError(
    'DATABASE_UNREACHABLE',
    `database server ${quoted(config.name)} at ${printable(host)}:${port} does not answer: ${why}`,
    { cause, hint: 'Check that it runs, and the host, user and password in config.json.' },
  );
}
