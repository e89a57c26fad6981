/** MariaDB and MySQL as a place to import into: puts together what the import files of this folder know. */

import type { DatabaseWarning } from '../../contracts/database.ts';
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
import { readDefaults } from './defaults.ts';
import { checkLoaded, leftOut, missingObjects } from './import-check.ts';
import { runImportClient } from './import-client.ts';
import { giveDefiners } from './import-definers.ts';
import { copyDatabaseGrants } from './import-details.ts';
import { withCompletion } from './import-events.ts';
import { DumpFilter } from './import-filter.ts';
import { foreignKeysAcross, foreignKeysFromOutside } from './import-keys.ts';
import { statementOf } from './import-objects.ts';
import { withLargestPacket } from './import-packet.ts';
import { createDatabase, dropDatabase, giveDefaults } from './import-placement.ts';
import { optionsOf } from './import-rewrite.ts';
import type { Definer } from './import-statement.ts';
import { exchange, isExchanged, readSide, restoreLive, type Side } from './import-swap.ts';
import { dropKeys, keyLeftOut } from './import-torn-keys.ts';
import { createImporter, dropImporter } from './import-user.ts';
import { makeViews } from './import-views.ts';
import { errorNumber, openSession, type Session, text, unreachable } from './session.ts';

const lockWaitTimeout = 1205;
/** The server stops, or somebody has killed the connection. */
const connectionEnded: ReadonlySet<number | undefined> = new Set([1053, 1079, 1927]);

/** What `load` leaves for `prepare`. */
interface Notes {
  readonly definers: Readonly<Record<string, Definer>>;
  readonly enabledEvents: readonly string[];
  readonly passingEvents: readonly string[];
  /** What is to come in, as it was while its definer was there. */
  readonly side: Side;
}

export class MysqlImporter implements DatabaseImporter {
  readonly family = 'mysql';
  readonly instance: string;
  readonly stallMs: number;
  readonly #config: DatabaseInstanceConfig;

  constructor(config: DatabaseInstanceConfig) {
    this.instance = config.name;
    this.stallMs = stallMsOf(config);
    this.#config = config;
  }

  async databases(signal: AbortSignal): Promise<ReadonlySet<string>> {
    return await this.#session(signal, async (session) => {
      const rows = await session.rows('SELECT SCHEMA_NAME FROM information_schema.SCHEMATA');
      return new Set(rows.map(([name]) => text(name)));
    });
  }

  async load(
    record: ImportRecord,
    dump: AsyncIterable<Uint8Array>,
    { signal, source, lockServer }: LoadContext,
  ): Promise<LoadReport> {
    const { scratch, tables, selector } = record;
    const user = record.importer.user;
    const password = record.importer.password ?? '';
    const filter = new DumpFilter({ source, scratch, tables });
    await this.#session(signal, async (session) => {
      // Asked again once all is loaded; hours of loading are spared here.
      if (record.kept !== null) await foreignKeysFromOutside(session, record.database, tables);
      await createDatabase(session, scratch, record.origin);
      await createImporter(session, { user, password, scratch, selector });
    });
    const importer = { ...this.#config, user, password };
    await runImportClient(importer, scratch, filtered(filter, dump), signal, (start) =>
      withLargestPacket(this.#config, { user, start, lockServer }),
    );
    const views = await makeViews(importer, filter.tally.views, record, signal);
    return await this.#session(signal, async (session) => {
      const { tally } = filter;
      // The server opens no view over a function whose definer is gone, and the importer is that of all.
      const side = await readSide(session, scratch, tables, 'refused');
      await dropImporter(session, user);
      const loaded = await checkLoaded(session, scratch, { tally, views: views.made, wanted: tables });
      const notes: Notes = {
        definers: Object.fromEntries(tally.definers),
        enabledEvents: [...tally.enabledEvents],
        passingEvents: [...tally.passingEvents],
        side,
      };
      const charset = await giveDefaults(session, record, tally.defaults);
      const missing = missingObjects(tally, side.definitions, record.database);
      const warnings = [...leftOut(tally, record.database), ...views.warnings, ...missing, ...charset];
      return { tables: loaded, warnings, notes };
    });
  }

  async prepare(record: ImportRecord, notes: unknown, signal: AbortSignal): Promise<PreparedImport> {
    const { definers, enabledEvents, passingEvents, side } = notes as Notes;
    const { database, kept, tables, scratch, selector } = record;
    return await this.#session(signal, async (session) => {
      if (kept !== null) await foreignKeysFromOutside(session, database, tables);
      if (kept !== null && tables !== null) await foreignKeysAcross(session, database, scratch, tables);
      const running = side.definitions.map((one) =>
        one.kind !== 'event'
          ? // A view worked when it was loaded.
            { ...one, works: true }
          : {
              ...one,
              sql: withCompletion(one, optionsOf(one), !passingEvents.includes(one.name)),
              works: enabledEvents.includes(one.name),
            },
      );
      const outgoing = kept === null ? null : await readSide(session, database, tables, 'noted');
      const { definitions, warnings } = await giveDefiners(session, {
        scratch,
        database,
        definitions: running,
        written: definers,
        live: outgoing?.definitions ?? [],
        selector,
      });
      // Whatever cannot be made again ends the import here, while nothing live is touched.
      for (const one of definitions) statementOf(one, scratch, database);
      const torn = side.keys ?? [];
      // Single tables come without what is around them.
      const left =
        tables === null
          ? []
          : torn.map((key) => keyLeftOut(key, database, 'the other table is not imported'));
      if (tables !== null) await dropKeys(session, scratch, torn);
      const incoming: Side = { ...side, definitions, grants: [], keys: tables === null ? torn : [] };
      return {
        record: { ...record, phase: 'swapping', incoming, outgoing },
        warnings: [...warnings, ...left],
      };
    });
  }

  async swap(
    record: ImportRecord,
    onStep: StepListener,
    signal: AbortSignal,
  ): Promise<readonly DatabaseWarning[]> {
    return await this.#session(signal, async (session) => {
      const unmade = await exchange(session, record, onStep);
      if (record.kept === null && record.origin !== record.database) {
        await copyDatabaseGrants(session, record.origin, record.database);
      }
      return unmade;
    });
  }

  async isSwapped(record: ImportRecord, signal: AbortSignal): Promise<boolean> {
    return await this.#session(signal, (session) => isExchanged(session, record));
  }

  async abandon(record: ImportRecord, signal: AbortSignal): Promise<readonly DatabaseWarning[]> {
    return await this.#session(signal, async (session) => {
      await dropImporter(session, record.importer.user);
      const unmade = record.phase === 'loading' ? [] : await restoreLive(session, record);
      if (isScratch(record.scratch)) await dropDatabase(session, record.scratch);
      // Made for the exchange and still empty; a new one is not there yet either.
      if (record.phase === 'swapping') await dropMade(session, record.kept ?? record.database);
      return unmade;
    });
  }

  async reverse(record: ImportRecord, id: string, signal: AbortSignal): Promise<ImportRecord> {
    const { kept, database, tables } = record;
    const names = importNames(id);
    return await this.#session(signal, async (session) => {
      const isLive = (await readDefaults(session, [database])).has(database);
      if (isLive) await foreignKeysFromOutside(session, database, tables);
      else if (tables !== null) throw nothingAround(database, tables);
      const old = await readSide(session, kept ?? '', null, 'noted');
      const before = record.outgoing as Side;
      return {
        ...record,
        id,
        phase: 'swapping',
        scratch: kept ?? '',
        kept: isLive ? names.kept : null,
        incoming: { ...before, tables: old.tables },
        outgoing: isLive ? await readSide(session, database, tables, 'noted') : null,
      };
    });
  }

  async dropKept({ kept }: ImportRecord, signal: AbortSignal): Promise<void> {
    if (kept === null) return;
    await this.#session(signal, (session) => dropDatabase(session, kept));
  }

  /** Errors of the server become IMPORT_FAILED, and DATABASE_UNREACHABLE where it has ended the connection. */
  async #session<T>(signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await openSession(this.#config, signal);
    try {
      return await work(session);
    } catch (cause) {
      if (isHoldfastError(cause)) throw cause;
      if (!session.isOpen || connectionEnded.has(errorNumber(cause))) throw unreachable(this.#config, cause);
      if (errorNumber(cause) === undefined) throw cause;
      const why = printable((cause as Error).message, 500);
      const isLocked = errorNumber(cause) === lockWaitTimeout;
      throw new HoldfastError('IMPORT_FAILED', `database server ${quoted(this.instance)} refused: ${why}`, {
        cause,
        hint: isLocked
          ? 'Stop what uses the database for a moment, then run the command again.'
          : 'Mend what the server complains about, then run the command again.',
      });
    } finally {
      await session.close();
    }
  }
}

const nothingAround = (database: string, tables: readonly string[]): HoldfastError =>
  new HoldfastError(
    'IMPORT_REFUSED',
    `database ${quoted(database)} is gone, and of it only ${tables.map((name) => quoted(name)).join(', ')} is kept`,
    { hint: 'Import the database from a snapshot first, then run the command again.' },
  );

async function dropMade(session: Session, database: string): Promise<void> {
  const rows = await session.rows(
    'SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? LIMIT 1',
    [database],
  );
  if (rows.length === 0) await dropDatabase(session, database);
}

async function* filtered(
  filter: DumpFilter,
  dump: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of dump) yield* filter.feed(chunk);
  yield* filter.end();
}
