/**
 * Ends what a killed import left, and drops replaced databases whose time is over.
 *
 * A load is undone. An exchange is finished; where it cannot be and the new database is not in place, it is
 * undone, and the live one is as it was. A kept database is dropped when its time is over and never before.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import type { ImportRecord } from '../../databases/import/types.ts';
import { isHoldfastError } from '../../errors.ts';
import { lockAccount } from '../account-lock.ts';
import { ImportJournal } from './journal.ts';
import type { ImportContext } from './types.ts';

type Context = Omit<ImportContext, 'newId'>;

/**
 * Of this account and server, whose lock the caller holds. One that cannot be ended stops no other one.
 *
 * @param database the one that is worked on next; null where none is
 * @throws IMPORT_FAILED that of `database` cannot be ended; DATABASE_UNREACHABLE
 */
export async function recoverImports(context: Context, database: string | null): Promise<void> {
  const { importer, account, onEvent } = context;
  for (const record of await new ImportJournal(context.stateDir).list()) {
    if (record.owner !== account.owner || record.instance !== importer.instance) continue;
    if (record.phase === 'kept') continue;
    try {
      const how = await end(context, record);
      onEvent({ type: 'recovered', database: record.database, how });
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'IMPORT_FAILED') throw error;
      // A load has touched nothing that is live, and its leftovers are in nobody's way.
      if (record.database === database && record.phase !== 'loading') throw error;
      onEvent({ type: 'unfinished', database: record.database, message: error.message });
    }
  }
}

async function end(context: Context, record: ImportRecord): Promise<'finished' | 'undone'> {
  if (record.phase !== 'loading') {
    try {
      const { warnings } = await runExchange(context, record);
      for (const warning of warnings) context.onEvent({ type: 'incomplete', warning });
      return 'finished';
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'IMPORT_FAILED') throw error;
      if (await context.importer.isSwapped(record, context.signal)) throw error;
    }
  }
  await undoImportOf(context, record);
  return 'undone';
}

/** Of one whose new database is not in place. What it was to bring back is kept as before. */
export async function undoImportOf(
  {
    importer,
    stateDir,
    signal,
    onEvent,
  }: Pick<ImportContext, 'importer' | 'stateDir' | 'signal' | 'onEvent'>,
  record: ImportRecord,
): Promise<void> {
  const warnings = await importer.abandon(record, signal);
  for (const warning of warnings) onEvent({ type: 'incomplete', warning });
  await new ImportJournal(stateDir).putBack(record);
}

/** Exchanges and notes the end. Until when the replaced one is kept; null where none was. */
export async function runExchange(
  { importer, stateDir, keepMs, now, signal, onEvent }: Context,
  record: ImportRecord,
): Promise<{ readonly keptUntilMs: number | null; readonly warnings: readonly DatabaseWarning[] }> {
  const journal = new ImportJournal(stateDir);
  const warnings = await importer.swap(record, (step) => onEvent({ type: 'step', step }), signal);
  if (record.kept === null) {
    await journal.remove(record);
    return { keptUntilMs: null, warnings };
  }
  const keptUntilMs = now() + keepMs;
  await journal.put({ ...record, phase: 'kept', keptUntilMs, reverses: null });
  return { keptUntilMs, warnings };
}

/**
 * Drops what was kept long enough, of every account. One that another job works on waits for the next run.
 * What cannot be dropped now is tried again.
 */
export async function dropExpired(
  context: Pick<ImportContext, 'stateDir' | 'now' | 'signal' | 'onEvent'> & {
    readonly importers: readonly ImportContext['importer'][];
    /** An account whose lock is held already. */
    readonly locked: string | null;
  },
): Promise<void> {
  const journal = new ImportJournal(context.stateDir);
  for (const record of await journal.list()) {
    if (record.phase !== 'kept' || record.keptUntilMs === null || record.keptUntilMs > context.now())
      continue;
    const importer = context.importers.find(({ instance }) => instance === record.instance);
    if (importer === undefined) continue;
    try {
      const lock =
        record.owner === context.locked ? null : lockAccount(context.stateDir, record.owner, record.site);
      try {
        await importer.dropKept(record, context.signal);
        await journal.remove(record);
        context.onEvent({ type: 'expired', database: record.database, kept: record.kept ?? '' });
      } finally {
        lock?.release();
      }
    } catch (error) {
      if (!isHoldfastError(error) || error.code === 'INTERRUPTED') throw error;
      const { database, kept } = record;
      if (error.code !== 'ACCOUNT_LOCKED')
        context.onEvent({ type: 'not-dropped', database, kept: kept ?? '', why: error.message });
    }
  }
}
