/**
 * Histories of tables that a dump cannot hold. MariaDB's client writes what rows were at a time; where a table notes
 * transactions instead of times, it ends with an error.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { quoted } from '../../printable.ts';
import type { DumpPlan } from './inspect.ts';
import type { Patience } from './patience.ts';
import type { Session } from './session.ts';

type Plan = Pick<DumpPlan, 'database' | 'hasHistory' | 'historyByTransaction'>;

/**
 * The first of these tables whose history goes by transactions; null: none. One that takes too long to look at counts.
 *
 * @param versioned tables that keep their history
 */
export async function findHistoryByTransaction(
  session: Session,
  database: string,
  versioned: readonly string[],
  patience: Patience,
): Promise<string | null> {
  // One by one: asked for all, the server opens every view of the database too.
  for (const table of versioned) {
    const rows = await patience.rows(
      session,
      `SELECT 1 FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND DATA_TYPE = 'bigint' AND GENERATION_EXPRESSION = 'ROW START'`,
      [database, table],
    );
    if (rows === null || rows.length > 0) return table;
  }
  return null;
}

/** Whether one dump of all these is to hold histories. */
export const takesHistory = (plans: readonly Plan[], known: ReadonlySet<string>): boolean =>
  known.has('dump-history') &&
  plans.some(({ hasHistory }) => hasHistory) &&
  plans.every(({ historyByTransaction }) => historyByTransaction === null);

/** @param plans of one dump */
export function lostHistories(plans: readonly Plan[], known: ReadonlySet<string>): DatabaseWarning[] {
  if (takesHistory(plans, known)) return [];
  const table = plans.find(({ historyByTransaction }) => historyByTransaction !== null)?.historyByTransaction;
  const why =
    table === undefined || table === null || !known.has('dump-history')
      ? 'cannot write it'
      : `writes none beside that of ${quoted(table)}, which goes by transactions`;
  const message = `the history of system-versioned tables is left out: the dump client ${why}`;
  return plans
    .filter(({ hasHistory }) => hasHistory)
    .map(({ database }) => ({ code: 'history-lost', database, message }));
}
