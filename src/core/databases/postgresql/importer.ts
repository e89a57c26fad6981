/** PostgreSQL as a place to import into: puts together what the import files of this folder know. */

import { randomBytes } from 'node:crypto';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { printable, quoted } from '../../printable.ts';
import { importNames, isScratch } from '../import/names.ts';
import type {
  DatabaseImporter,
  ImportRecord,
  LoadContext,
  LoadReport,
  PreparedImport,
  StepListener,
} from '../import/types.ts';
import { type DatabaseInstanceConfig, stallMsOf } from '../types.ts';
import {
  admitImporter,
  closeLogin,
  createGuest,
  createImporter,
  dropActors,
  makeStandIns,
  openLogin,
  partFrom,
} from './import-actors.ts';
import { scriptOf } from './import-archive.ts';
import {
  carryOver,
  carryReading,
  createLike,
  databaseNames,
  dropDatabase,
  giveTo,
} from './import-database.ts';
import { extensionMaker } from './import-extensions.ts';
import { handOver } from './import-handover.ts';
import { type LoadedScript, loadScript } from './import-load.ts';
import { type Begun, beginningOf, localeIn } from './import-locale.ts';
import { foreignMoney, moneyWarning } from './import-money.ts';
import { accountRoles } from './import-roles.ts';
import { type ImportSession, openImportSession } from './import-session.ts';
import { exchange, isExchanged } from './import-swap.ts';
import { warningsOf } from './import-warnings.ts';
import { quoteName } from './names.ts';
import {
  isConnectionLost,
  maintenanceDatabase,
  openSession,
  type Session,
  sqlState,
  unreachable,
} from './session.ts';

export class PostgresqlImporter implements DatabaseImporter {
  readonly family = 'postgresql';
  readonly instance: string;
  readonly stallMs: number;
  readonly #config: DatabaseInstanceConfig;

  constructor(config: DatabaseInstanceConfig) {
    this.instance = config.name;
    this.stallMs = stallMsOf(config);
    this.#config = config;
  }

  async databases(signal: AbortSignal): Promise<ReadonlySet<string>> {
    return await this.#in(maintenanceDatabase, signal, databaseNames);
  }

  async load(
    record: ImportRecord,
    dump: AsyncIterable<Uint8Array>,
    context: LoadContext,
  ): Promise<LoadReport> {
    if (record.tables !== null && record.kept !== null) throw tablesBesideOnly();
    const begun = await beginningOf(dump);
    try {
      return await this.#loadBegun(record, begun, context);
    } finally {
      begun.close();
    }
  }

  async #loadBegun(
    record: ImportRecord,
    { head, dump }: Begun,
    { signal, format }: LoadContext,
  ): Promise<LoadReport> {
    const { scratch, origin, selector } = record;
    const user = record.importer.user;
    const password = record.importer.password ?? randomBytes(16).toString('hex');
    const said = localeIn(head);
    const { roles, unknown, locale } = await this.#in(maintenanceDatabase, signal, async (session) => {
      const found = await accountRoles(session, selector, origin);
      await createImporter(session, { user, password }, found.all);
      const wanted = { name: scratch, like: origin, said, database: record.database };
      const warnings = await createLike(session, wanted);
      await carryReading(session, origin, scratch);
      return { roles: found, unknown: warnings, locale: await foreignMoney(session, origin) };
    });
    await this.#in(scratch, signal, (session) => admitImporter(session, { user, scratch }));
    const script = format === 'pgdump' ? scriptOf(this.#config, dump, signal) : dump;
    const importer = await openImportSession({ ...this.#config, user, password }, scratch, signal);
    const guests: string[] = [];
    const inServer = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
      this.#in(maintenanceDatabase, signal, work);
    let loaded: LoadedScript;
    try {
      await inServer((session) => closeLogin(session, user));
      loaded = await loadScript(importer, script, {
        roles,
        standIns: (names) =>
          inServer((session) =>
            makeStandIns(session, { user, scratch, guests, backend: importer.backend }, names),
          ),
        guests: {
          create: () =>
            inServer(async (session) => {
              const guest = await createGuest(session, { user, scratch }, guests.length);
              guests.push(guest);
              return guest;
            }),
          open: (guest) => this.#openGuest(guest, scratch, signal),
          part: (guest, parted) => inServer((session) => partFrom(session, { user, guest }, parted)),
        },
        tables: record.tables,
        extension: extensionMaker(importer, {
          scratch: (work) => this.#in(scratch, signal, work),
          live: (work) => this.#in(origin, signal, work),
        }),
      });
    } finally {
      await importer.close();
    }
    const { weakened, money } = await this.#in(scratch, signal, async (session) => ({
      weakened: await handOver(session, { user, owner: roles.owner }, loaded.standIns),
      money: locale === null ? [] : await moneyWarning(session, { locale, database: record.database }),
    }));
    await this.#in(maintenanceDatabase, signal, async (session) => {
      await giveTo(session, scratch, roles.owner);
      await dropActors(session, user, (place, work) => this.#in(place, signal, work));
    });
    return {
      tables: loaded.counted,
      warnings: [...unknown, ...money, ...warningsOf(loaded, { roles, weakened, database: record.database })],
      notes: null,
    };
  }

  async #openGuest(user: string, scratch: string, signal: AbortSignal): Promise<ImportSession> {
    const password = randomBytes(16).toString('hex');
    await this.#in(maintenanceDatabase, signal, (session) => openLogin(session, user, password));
    const guest = await openImportSession({ ...this.#config, user, password }, scratch, signal);
    try {
      await this.#in(maintenanceDatabase, signal, (session) => closeLogin(session, user));
    } catch (error) {
      await guest.close();
      throw error;
    }
    return guest;
  }

  async prepare(record: ImportRecord, _notes: unknown, signal: AbortSignal): Promise<PreparedImport> {
    await this.#in(maintenanceDatabase, signal, (session) =>
      carryOver(session, record.origin, record.scratch),
    );
    return { record: { ...record, phase: 'swapping' }, warnings: [] };
  }

  async swap(record: ImportRecord, onStep: StepListener, signal: AbortSignal): Promise<readonly []> {
    await this.#in(maintenanceDatabase, signal, (session) => exchange(session, record, onStep));
    return [];
  }

  async isSwapped(record: ImportRecord, signal: AbortSignal): Promise<boolean> {
    return await this.#in(maintenanceDatabase, signal, (session) => isExchanged(session, record));
  }

  async abandon(record: ImportRecord, signal: AbortSignal): Promise<readonly []> {
    await this.#in(maintenanceDatabase, signal, async (session) => {
      const names = await databaseNames(session);
      if (isScratch(record.scratch)) await dropDatabase(session, record.scratch);
      await dropActors(session, record.importer.user, (place, work) => this.#in(place, signal, work));
      if (record.phase === 'swapping' && record.kept !== null && names.has(record.database)) {
        await session.rows(`ALTER DATABASE ${quoteName(record.database)} ALLOW_CONNECTIONS true`);
      }
    });
    return [];
  }

  async reverse(record: ImportRecord, id: string): Promise<ImportRecord> {
    const { kept } = importNames(id);
    return { ...record, id, phase: 'swapping', scratch: record.kept ?? '', kept };
  }

  async dropKept({ kept }: ImportRecord, signal: AbortSignal): Promise<void> {
    if (kept !== null) await this.#in(maintenanceDatabase, signal, (session) => dropDatabase(session, kept));
  }

  /** Errors of the server become IMPORT_FAILED, those of the connection DATABASE_UNREACHABLE. */
  async #in<T>(database: string, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await openSession(this.#config, database, signal);
    try {
      return await work(session);
    } catch (cause) {
      if (isHoldfastError(cause)) throw cause;
      if (isConnectionLost(cause, session)) throw unreachable(this.#config, cause);
      if (sqlState(cause) === undefined) throw cause;
      const why = printable((cause as Error).message, 500);
      throw new HoldfastError('IMPORT_FAILED', `database server ${quoted(this.instance)} refused: ${why}`, {
        cause,
        hint: 'Mend what the server complains about, then run the command again.',
      });
    } finally {
      await session.close();
    }
  }
}

function tablesBesideOnly(): HoldfastError {
  return new HoldfastError('IMPORT_REFUSED', 'single tables of PostgreSQL cannot replace live ones', {
    hint: 'Use --beside, then copy the rows over.',
  });
}
