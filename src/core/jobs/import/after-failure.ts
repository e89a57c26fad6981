/**
 * What becomes of an import that has failed: it is undone at once where that is possible, and where it is not the
 * error says how the live database stands. Nobody is left to find out by themselves that a site is shut.
 */

import type { ImportRecord } from '../../databases/import/types.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { ImportJournal } from './journal.ts';
import { undoImportOf } from './recover.ts';
import type { ImportContext } from './types.ts';

/** Longest time that the undoing may take; what fails first is what is told. */
const longestUndoMs = 60_000;

const states = {
  'in-place': 'the new database is in place, but not complete',
  unknown:
    'the exchange has begun and could not be undone: the database may be closed, or lack triggers, views and routines',
} as const;

/** The error to throw instead of `error`. Also after an interruption, which must not leave what it can still remove. */
export async function afterFailure(
  context: ImportContext,
  record: ImportRecord,
  error: unknown,
): Promise<unknown> {
  const left = await undone(context, record);
  if (left === null) return error;
  const { code, message }: { code: HoldfastError['code']; message: string } = isHoldfastError(error)
    ? error
    : {
        code: 'IMPORT_FAILED',
        message: printable(error instanceof Error ? error.message : String(error), 500),
      };
  return new HoldfastError(code, `${message}; ${states[left]}`, {
    cause: error,
    hint: 'Mend the cause and run any import of this account or its next backup, which finish it first.',
  });
}

/** Null: the live database is as it was, or as it was to be. */
async function undone(context: ImportContext, record: ImportRecord): Promise<keyof typeof states | null> {
  const { importer, stateDir } = context;
  const signal = AbortSignal.timeout(longestUndoMs);
  let isBegun = false;
  try {
    const latest = (await new ImportJournal(stateDir).list()).find(({ id }) => id === record.id);
    if (latest === undefined || latest.phase === 'kept') return null;
    isBegun = latest.phase === 'swapping';
    if (isBegun && (await importer.isSwapped(latest, signal))) return 'in-place';
    await undoImportOf({ ...context, signal }, latest);
    return null;
  } catch {
    // The journal keeps it, and the next import or backup tries again. A load has touched nothing that is live.
    return isBegun ? 'unknown' : null;
  }
}
