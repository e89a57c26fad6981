/**
 * Brings one database back from a dump: into a scratch database, checked there, then in its place.
 *
 * What is live is touched only by the exchange at the end, and until the record of it is on disk, a failure
 * or a kill leaves nothing but a scratch database that the next import removes.
 */

import { importNames } from '../../databases/import/names.ts';
import type { ImportRecord } from '../../databases/import/types.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import { lockAccount } from '../account-lock.ts';
import { ImportJournal } from './journal.ts';
import { choosePlace } from './place.ts';
import { dropExpired, recoverImports, runExchange, undoImportOf } from './recover.ts';
import { StallWatch } from './stall-watch.ts';
import type { ImportContext, ImportReport, ImportRequest } from './types.ts';

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
        importer.load(record, counted(request, watch), { signal: both, source, format }),
      );
      const { record: ready, warnings } = await importer.prepare(record, loaded.notes, signal);
      request.onEvent({ type: 'phase', phase: 'swapping' });
      await journal.put(ready);
      const { keptUntilMs, warnings: unmade } = await exchange(request, ready);
      return {
        database: place.name,
        replaced: place.replaces,
        kept: record.kept,
        keptUntilMs,
        tables:
          tables === null ? loaded.tables : loaded.tables.filter(({ rows }) => rows > 0 || tables.length > 0),
        warnings: [...loaded.warnings, ...warnings, ...unmade],
      };
    } catch (error) {
      // A silent server cleans up nothing; the next import does.
      if (watch.stalled === null) await abandonQuietly(request, record);
      throw error;
    }
  } finally {
    lock.release();
  }
}

/**
 * Brings the database back that the last import replaced; what is live now is kept in its turn.
 *
 * @throws IMPORT_REFUSED nothing of that name is kept
 */
export async function undoImport(context: ImportContext, database: string): Promise<ImportReport> {
  const { importer, account, stateDir, signal } = context;
  const lock = lockAccount(stateDir, account.owner, account.site);
  try {
    await recoverImports(context, database);
    const journal = new ImportJournal(stateDir);
    const kept = (await journal.list()).filter(
      (one) =>
        one.phase === 'kept' &&
        one.owner === account.owner &&
        one.instance === importer.instance &&
        one.database === database,
    );
    const before = kept.at(-1);
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
      const { keptUntilMs, warnings } = await exchange(context, reversed);
      return { ...nothingDone(database), replaced: true, kept: reversed.kept, keptUntilMs, warnings };
    } catch (error) {
      await abandonQuietly(context, reversed);
      throw error;
    }
  } finally {
    lock.release();
  }
}

const nothingDone = (database: string): ImportReport => ({
  database,
  replaced: false,
  kept: null,
  keptUntilMs: null,
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

/** A failed exchange is undone at once, unless the new database is in place: then the next call finishes it. */
async function exchange(request: ImportContext, record: ImportRecord): ReturnType<typeof runExchange> {
  try {
    return await runExchange(request, record);
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'IMPORT_FAILED') throw error;
    if (!(await request.importer.isSwapped(record, request.signal))) throw error;
    throw new HoldfastError(
      'IMPORT_FAILED',
      `${error.message}; the new database is in place, but not complete`,
      {
        cause: error,
        hint: 'Mend the cause and run any import of this account or its next backup, which finish it first.',
      },
    );
  }
}

/** Also after an interruption, which must not leave what it can still remove. */
async function abandonQuietly(context: ImportContext, record: ImportRecord): Promise<void> {
  const { importer, stateDir } = context;
  const signal = AbortSignal.timeout(60_000);
  const journal = new ImportJournal(stateDir);
  try {
    const latest = (await journal.list()).find(({ id }) => id === record.id);
    if (latest === undefined || latest.phase === 'kept') return;
    if (latest.phase === 'swapping' && (await importer.isSwapped(latest, signal))) return;
    await undoImportOf({ ...context, signal }, latest);
  } catch {
    // The journal keeps it, and the next import or backup tries again; what failed first is what is told.
  }
}
