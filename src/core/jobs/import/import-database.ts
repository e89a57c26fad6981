/**
 * Brings one database back from a dump: into a scratch database, checked there, then in its place.
 *
 * What is live is touched only by the exchange at the end, and until the record of it is on disk, a failure
 * or a kill leaves nothing but a scratch database that the next import removes.
 */

import { importNames } from '../../databases/import/names.ts';
import type { ImportRecord } from '../../databases/import/types.ts';
import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import { lockAccount } from '../account-lock.ts';
import { afterFailure } from './after-failure.ts';
import { ImportJournal } from './journal.ts';
import { choosePlace } from './place.ts';
import { dropExpired, recoverImports, runExchange } from './recover.ts';
import { lockServer } from './server-lock.ts';
import { StallWatch } from './stall-watch.ts';
import type { ImportContext, ImportReport, ImportRequest, KeptDatabase } from './types.ts';

/**
 * @param mine the account's databases on that server
 * @throws USAGE, ACCOUNT_LOCKED, IMPORT_REFUSED, IMPORT_FAILED, DATABASE_UNREACHABLE
 */
export async function importDatabase(
  request: ImportRequest,
  mine: ReadonlySet<string>,
): Promise<ImportReport> {
  const { importer, dump, tables, signal, stateDir, account } = request;
  if (dump.family !== importer.family) {
    throw new HoldfastError('USAGE', `${dump.label} is no dump for ${quoted(importer.instance)}`, {
      hint: 'Name the other server: --database INSTANCE/NAME.',
    });
  }
  if (request.dryRun) {
    const { name, replaces } = choosePlace(request, await importer.databases(signal), mine);
    return { ...nothingDone(name), replaced: replaces };
  }
  const lock = lockAccount(stateDir, account.owner, account.site);
  try {
    await recoverImports(request, request.place.kind === 'as' ? request.place.name : request.database);
    await dropExpired({ ...request, importers: [importer], locked: account.owner });
    const place = choosePlace(request, await importer.databases(signal), mine);
    const journal = new ImportJournal(stateDir);
    const record = newRecord(request, place, await journal.nextStartMs(request.now()));
    await journal.put(record);
    request.onEvent({ type: 'phase', phase: 'loading' });
    const watch = new StallWatch(importer);
    try {
      const { source, format } = dump;
      const loaded = await watch.during(signal, (both) =>
        importer.load(record, counted(request, watch), {
          signal: both,
          source,
          format,
          lockServer: () => lockServer(stateDir, importer.instance, both),
        }),
      );
      const { record: ready, warnings } = await importer.prepare(record, loaded.notes, signal);
      request.onEvent({ type: 'phase', phase: 'swapping' });
      await journal.put(ready);
      const { keptUntilMs, warnings: unmade } = await runExchange(request, ready);
      return {
        database: place.name,
        replaced: place.replaces,
        kept: record.kept,
        keptUntilMs,
        alsoKept: await keptOf(request, { database: place.name, but: record.kept }),
        tables:
          tables === null ? loaded.tables : loaded.tables.filter(({ rows }) => rows > 0 || tables.length > 0),
        warnings: [...loaded.warnings, ...warnings, ...unmade],
      };
    } catch (error) {
      // A silent server cleans up nothing; the next import does.
      throw watch.stalled === null ? await afterFailure(request, record, error) : error;
    }
  } finally {
    lock.release();
  }
}

/**
 * Brings the database back that an import replaced; what is live now is kept in its turn.
 *
 * @param wanted name of the database that holds it; null for what the last import replaced
 * @throws IMPORT_REFUSED nothing of that name is kept
 */
export async function undoImport(
  context: ImportContext,
  database: string,
  wanted: string | null,
): Promise<ImportReport> {
  const { importer, account, stateDir, signal } = context;
  const lock = lockAccount(stateDir, account.owner, account.site);
  try {
    await recoverImports(context, database);
    const journal = new ImportJournal(stateDir);
    const kept = (await journal.list()).filter(isKeptOf(context, database));
    const before = wanted === null ? kept.at(-1) : kept.find((one) => one.kept === wanted);
    if (before === undefined && wanted !== null && kept.length > 0) {
      throw new HoldfastError(
        'IMPORT_REFUSED',
        `nothing of database ${quoted(database)} is kept in ${quoted(wanted)}`,
        {
          hint: `Name one of ${kept.map((one) => one.kept).join(', ')}.`,
        },
      );
    }
    if (before === undefined || !(await importer.databases(signal)).has(before.kept ?? '')) {
      throw new HoldfastError('IMPORT_REFUSED', `nothing is kept of database ${quoted(database)}`, {
        hint: 'Import it from a snapshot instead.',
      });
    }
    // In the file of the kept one: at no moment do both stand there, or none.
    const reversed: ImportRecord = {
      ...(await importer.reverse(before, context.newId(), signal)),
      id: before.id,
      reverses: { ...before, reverses: null },
      startedAtMs: await journal.nextStartMs(context.now()),
    };
    await journal.put(reversed);
    context.onEvent({ type: 'phase', phase: 'swapping' });
    try {
      const { keptUntilMs, warnings } = await runExchange(context, reversed);
      const alsoKept = await keptOf(context, { database, but: reversed.kept });
      return {
        ...nothingDone(database),
        replaced: reversed.kept !== null,
        kept: reversed.kept,
        keptUntilMs,
        alsoKept,
        warnings,
      };
    } catch (error) {
      throw await afterFailure(context, reversed, error);
    }
  } finally {
    lock.release();
  }
}

const isKeptOf =
  ({ account, importer }: Pick<ImportContext, 'account' | 'importer'>, database: string) =>
  (one: ImportRecord): boolean =>
    one.phase === 'kept' &&
    one.owner === account.owner &&
    one.instance === importer.instance &&
    one.database === database;

/** Newest first. */
async function keptOf(
  context: ImportContext,
  { database, but }: { readonly database: string; readonly but: string | null },
): Promise<KeptDatabase[]> {
  const records = (await new ImportJournal(context.stateDir).list()).filter(isKeptOf(context, database));
  return records.reverse().flatMap(({ kept, startedAtMs, keptUntilMs }) => {
    return kept === null || kept === but ? [] : [{ name: kept, replacedAtMs: startedAtMs, keptUntilMs }];
  });
}

const nothingDone = (database: string): ImportReport => ({
  database,
  replaced: false,
  kept: null,
  keptUntilMs: null,
  alsoKept: [],
  tables: [],
  warnings: [],
});

function newRecord(
  { importer, account, database, tables, newId }: ImportRequest,
  { name, replaces }: { readonly name: string; readonly replaces: boolean },
  startedAtMs: number,
): ImportRecord {
  const id = newId();
  const { scratch, kept, user } = importNames(id);
  return {
    version: 1,
    id,
    instance: importer.instance,
    family: importer.family,
    owner: account.owner,
    site: account.site,
    selector: account.selector,
    database: name,
    origin: database,
    scratch,
    kept: replaces ? kept : null,
    tables,
    importer: { user, password: newId() },
    phase: 'loading',
    startedAtMs,
    keptUntilMs: null,
    incoming: null,
    outgoing: null,
  };
}

async function* counted(
  { dump, signal, onEvent }: ImportRequest,
  watch: StallWatch,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of dump.open(signal)) {
    watch.moved();
    onEvent({ type: 'bytes', bytes: chunk.length });
    yield chunk;
  }
}
