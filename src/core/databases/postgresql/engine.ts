/**
 * PostgreSQL as a database engine. Each database has an instant of its own, since a snapshot cannot be
 * shared across databases: a session holds it until pg_dump has taken it over.
 */

import type {
  DatabaseEngine,
  DatabaseExport,
  DiscoveredDatabase,
  EngineCheck,
  ExportRequest,
  ExportResult,
  ExportSet,
  ReadOnlyUserRequest,
} from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import type { CallOptions } from '../../contracts/store.ts';
import { isHoldfastError } from '../../errors.ts';
import { throwIfInterrupted } from '../../interruption.ts';
import { printable } from '../../printable.ts';
import { IdleSession } from '../idle-session.ts';
import { LiveDumps, refusedExport } from '../live-dumps.ts';
import { type DatabaseInstanceConfig, type EngineDependencies, stallMsOf } from '../types.ts';
import { within } from '../within.ts';
import { checkServer } from './check.ts';
import { findClients } from './clients.ts';
import { discoverDatabases } from './discover.ts';
import { type DumpContext, startDump } from './dump.ts';
import { grantsFailure, type Passwords, readGrants, readPasswords } from './grants.ts';
import { readOnlyUser } from './read-only-user.ts';
import { hiddenRows } from './row-security.ts';
import { maintenanceDatabase, openSession, type Session, unreachable, withSession } from './session.ts';

/** Databases whose snapshot is being opened at once; each takes a connection more for that time. */
const openings = 4;
/** How long a dump may take to begin before the export set is returned without waiting for it. */
const longestBeginMs = 10_000;

type OpenContext = DumpContext & { readonly grants: ReadonlyMap<string, ExportResult> };

export class PostgresqlEngine implements DatabaseEngine {
  readonly family = 'postgresql';
  readonly engine = 'postgresql';
  readonly instance: string;
  readonly #config: DatabaseInstanceConfig;
  readonly #now: () => number;
  readonly #live = new LiveDumps();
  readonly #sessions: IdleSession<Session>;

  constructor(config: DatabaseInstanceConfig, { now }: EngineDependencies) {
    this.instance = config.name;
    this.#config = config;
    this.#sessions = new IdleSession(
      (signal) => openSession(config, maintenanceDatabase, signal),
      (cause) => unreachable(config, cause),
    );
    this.#now = now;
  }

  async check(options: CallOptions): Promise<readonly EngineCheck[]> {
    return await checkServer(this.#config, options.signal);
  }

  async discover(
    request: { readonly selector: DatabaseSelector } & CallOptions,
  ): Promise<readonly DiscoveredDatabase[]> {
    return await this.#sessions.with(request.signal, (session) =>
      discoverDatabases(session, request.selector),
    );
  }

  async exports({ databases, selector, signal, plain = false }: ExportRequest): Promise<ExportSet> {
    const [config, clients] = [this.#config, findClients(this.#config)];
    // One answer for the whole server first: were it down, every database would fail one by one.
    const grants = await this.#sessions.with(signal, (session) => describeAll(session, databases, selector));
    const context: OpenContext = { config, clients, signal, plain, stallMs: stallMsOf(config), grants };
    const waiting = [...new Set(databases)].entries();
    const exports: DatabaseExport[] = [];
    const open = async () => {
      for (const [at, database] of waiting) exports[at] = await this.#open(database, context);
    };
    await Promise.all(Array.from({ length: openings }, open));
    throwIfInterrupted(signal, 'starting the exports');
    return { consistency: 'single', lockHeldMs: 0, exports, warnings: [] };
  }

  async readOnlyUser(request: ReadOnlyUserRequest): Promise<readonly string[]> {
    return await withSession(this.#config, request.signal, (session) => readOnlyUser(session, request));
  }

  async close(): Promise<void> {
    await Promise.all([this.#live.stop(), this.#sessions.close()]);
  }

  async #open(database: string, context: OpenContext): Promise<DatabaseExport> {
    const format = context.plain ? 'sql' : 'pgdump';
    let session: Session | undefined;
    let instantMs = this.#now();
    try {
      session = await openSession(context.config, database, context.signal);
      const hidden = await hiddenRows(session);
      if (hidden !== null) return refusedExport(database, format, hidden, instantMs);
      await session.rows('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      instantMs = this.#now();
      const [row] = await session.rows(
        "SELECT pg_export_snapshot() AS id, current_setting('server_encoding') AS encoding",
      );
      const { clientOptions } = session;
      const snapshot = { id: String(row?.['id']), encoding: String(row?.['encoding']), clientOptions };
      const dump = startDump(database, snapshot, context.grants.get(database)!, context);
      this.#live.add(dump);
      // pg_dump prints nothing before it has taken the snapshot over and read the catalog in it.
      const begun = dump.begin(() => true);
      const inTime = await within(longestBeginMs, begun);
      if (!inTime) {
        const held = session;
        session = undefined;
        void begun.then(() => held.close());
      }
      return {
        databases: [database],
        format,
        instantMs,
        body: dump.body,
        result: () => dump.result(),
      };
    } catch (error) {
      if (isHoldfastError(error) && error.code === 'INTERRUPTED') throw error;
      return refusedExport(database, format, whyOf(error), instantMs);
    } finally {
      await session?.close();
    }
  }
}

async function describeAll(
  session: Session,
  databases: readonly string[],
  selector: DatabaseSelector,
): Promise<ReadonlyMap<string, ExportResult>> {
  const passwords = await readPasswords(session);
  const described = new Map<string, ExportResult>();
  for (const database of databases) {
    described.set(database, await describe(session, database, selector, passwords));
  }
  return described;
}

async function describe(
  session: Session,
  database: string,
  selector: DatabaseSelector,
  passwords: Passwords | null,
): Promise<ExportResult> {
  try {
    const { beside, warnings } = await readGrants(session, database, selector, passwords);
    return { besides: [beside], warnings };
  } catch (error) {
    return { besides: [], warnings: [grantsFailure(database, error)] };
  }
}

function whyOf(error: unknown): string {
  const cause = isHoldfastError(error) ? (error.cause ?? error) : error;
  return printable(cause instanceof Error ? cause.message : String(cause), 500);
}
