/** MariaDB and MySQL as a database engine: puts together what the other files of this folder know. */

import type {
  DatabaseEngine,
  DatabaseExport,
  DatabaseWarning,
  DiscoveredDatabase,
  EngineCheck,
  ExportRequest,
  ExportSet,
  ReadOnlyUserRequest,
} from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import type { CallOptions } from '../../contracts/store.ts';
import { printable } from '../../printable.ts';
import type { ClientDump } from '../client-dump.ts';
import { IdleSession } from '../idle-session.ts';
import { LiveDumps, refusedExport } from '../live-dumps.ts';
import type { ReadAheadBudget } from '../read-ahead.ts';
import { type DatabaseInstanceConfig, type EngineDependencies, stallMsOf } from '../types.ts';
import { checkServer } from './check.ts';
import { type MysqlClient, probeClient } from './client.ts';
import { readDefaults } from './defaults.ts';
import { discoverDatabases } from './discover.ts';
import { startExports } from './export-set.ts';
import { readUsers } from './grants.ts';
import { type DumpPlan, inspectDatabase, patienceOf, refusedPlan } from './inspect.ts';
import { findUnloadable } from './losses.ts';
import { ownGrants } from './privileges.ts';
import { readOnlyUser } from './read-only-user.ts';
import { readServerFacts } from './server-facts.ts';
import { errorNumber, openSession, type Session, unreachable, withSession } from './session.ts';

/** Memory that stalled dumps may fill, so that the server keeps waiting for their readers. */
const readAheadBytes = 32 * 1024 * 1024;

export class MysqlEngine implements DatabaseEngine {
  readonly family = 'mysql';
  readonly instance: string;
  readonly engine: string;
  readonly #config: DatabaseInstanceConfig;
  readonly #now: () => number;
  readonly #live = new LiveDumps();
  readonly #sessions: IdleSession<Session>;
  readonly #budget: ReadAheadBudget = { left: readAheadBytes };
  #client: Promise<MysqlClient> | undefined;

  constructor(config: DatabaseInstanceConfig, { now }: EngineDependencies) {
    this.instance = config.name;
    this.engine = config.engine;
    this.#config = config;
    this.#sessions = new IdleSession(
      (signal) => openSession(config, signal),
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
    // Whoever looks for databases will export them: the client is looked at meanwhile, and complains later.
    this.#probed().catch(() => {});
    return await this.#sessions.with(request.signal, (session) =>
      discoverDatabases(session, request.selector, this.#now),
    );
  }

  async exports({ databases, selector, signal, separate = false }: ExportRequest): Promise<ExportSet> {
    const client = await this.#probed();
    return await this.#sessions.with(signal, async (session) => {
      const warnings: DatabaseWarning[] = [];
      const server = await readServerFacts(session);
      const { isMariadb } = server;
      const users = await readUsers(session, { selector, isMariadb }).catch((error: unknown) => {
        warnings.push(...grantsWarnings(error, databases));
        return [];
      });
      const plans = await this.#plan(session, databases, selector);
      for (const { database } of plans) {
        warnings.push(
          ...(await findUnloadable(session, database, { clientVersion: client.version, isMariadb })),
        );
      }
      const set = await startExports(
        session,
        plans.filter(({ refusal }) => refusal === null),
        {
          config: this.#config,
          client,
          server,
          signal,
          // Three sips within the time after which the server gives up.
          readAhead: { everyMs: (server.netWriteTimeoutSeconds * 1000) / 3, budget: this.#budget },
          now: this.#now,
          users,
          defaults: await readDefaults(
            session,
            plans.map(({ database }) => database),
          ),
          separate,
          stallMs: stallMsOf(this.#config),
          onStart: (dump: ClientDump) => this.#live.add(dump),
        },
      );
      const refused = plans.flatMap(({ database, refusal }): DatabaseExport[] =>
        refusal === null ? [] : [refusedExport(database, 'sql', refusal, this.#now())],
      );
      return { ...set, exports: [...set.exports, ...refused], warnings: [...set.warnings, ...warnings] };
    });
  }

  async readOnlyUser(request: ReadOnlyUserRequest): Promise<readonly string[]> {
    return await withSession(this.#config, request.signal, (session) => readOnlyUser(session, request));
  }

  async close(): Promise<void> {
    await Promise.all([this.#live.stop(), this.#sessions.close()]);
  }

  /** Asked once; again after a failure. */
  #probed(): Promise<MysqlClient> {
    this.#client ??= probeClient(this.#config).catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }

  async #plan(
    session: Session,
    databases: readonly string[],
    selector: DatabaseSelector,
  ): Promise<readonly DumpPlan[]> {
    const grants = await ownGrants(session);
    const patience = patienceOf(this.#now);
    const plans: DumpPlan[] = [];
    for (const database of new Set(databases)) {
      const plan = await inspectDatabase(session, database, { grants, selector, ...patience }).catch(
        (error: unknown) => {
          if (errorNumber(error) === undefined) throw error;
          return refusedPlan(database, printable((error as Error).message));
        },
      );
      plans.push(plan);
    }
    return plans;
  }
}

function grantsWarnings(error: unknown, databases: readonly string[]): DatabaseWarning[] {
  if (errorNumber(error) === undefined) throw error;
  const message = `users and grants could not be read: ${printable((error as Error).message)}`;
  return databases.map((database) => ({ code: 'grants-unreadable', database, message }));
}
