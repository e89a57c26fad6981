/**
 * Ends what a killed import left, and drops replaced databases whose time is over.
 *
 * A load is undone. An exchange is finished; where it cannot be and the new database is not in place, it is
 * undone, and the live one is as it was.
 */

import type { ImportRecord } from '../../databases/import/types.ts';
import { isHoldfastError } from '../../errors.ts';
import { lockAccount } from '../account-lock.ts';
import { ImportJournal } from './journal.ts';
import type { ImportContext } from './types.ts';

/** Of this account and server, whose lock the caller holds. @throws IMPORT_FAILED */
export async function recoverImports(context: Omit<ImportContext, 'newId'>): Promise<void> {
  const { importer, account, onEvent } = context;
  const journal = new ImportJournal(context.stateDir);
  for (const record of await journal.list()) {
    if (record.owner !== account.owner || record.instance !== importer.instance) continue;
    if (record.phase === 'kept') continue;
    const how = record.phase === 'loading' ? await undo(context, record) : await finish(context, record);
    onEvent({ type: 'recovered', database: record.database, how });
  }
}

async function undo(
  { importer, stateDir, signal }: Pick<ImportContext, 'importer' | 'stateDir' | 'signal'>,
  record: ImportRecord,
): Promise<'undone'> {
  await importer.abandon(record, signal);
  await new ImportJournal(stateDir).remove(record);
  return 'undone';
}

async function finish(
  context: Omit<ImportContext, 'newId'>,
  record: ImportRecord,
): Promise<'finished' | 'undone'> {
  try {
    await runExchange(context, record);
    return 'finished';
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'IMPORT_FAILED') throw error;
    if (await context.importer.isSwapped(record, context.signal)) throw error;
    return await undo(context, record);
  }
}

/** Exchanges and notes the end. @returns until when the replaced one is kept; null where none was */
export async function runExchange(
  { importer, stateDir, keepMs, now, signal, onEvent }: Omit<ImportContext, 'newId'>,
  record: ImportRecord,
): Promise<number | null> {
  const journal = new ImportJournal(stateDir);
  await importer.swap(record, (step) => onEvent({ type: 'step', step }), signal);
  if (record.kept === null) {
    await journal.remove(record);
    return null;
  }
  const keptUntilMs = now() + keepMs;
  await journal.put({ ...record, phase: 'kept', keptUntilMs });
  return keptUntilMs;
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
