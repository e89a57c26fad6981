/**
 * Time and memory that an account may cost the server while we look at its databases.
 *
 * A view over a view is opened as often as it is named: thirty small views that name each other twice take hours and
 * all memory to be opened, and whoever may make views can do that. So statements that open views have a limit each,
 * and a longer one together. MySQL has no such limits for most of them, and answers many from a dictionary.
 */

import { errorNumber, type Row, type Session } from './session.ts';

/** Too long (of MariaDB, of MySQL where a statement names a limit), too much memory. */
const overLimit: ReadonlySet<number | undefined> = new Set([1969, 1290, 3024]);
/** Of one statement: more than a thousand views take to be opened. */
const mostMemory = 256 * 1024 * 1024;
/** Seconds for a view that is to be imported; those that name each other many times could take hours, and all memory. */
export const longestOpening = 60;
/** Part of each statement's time that does not count, so that many quick ones never end it. */
const freeMs = 200;

export class Patience {
  #leftMs: number;
  readonly #eachSeconds: number;
  readonly #now: () => number;

  constructor(limit: { readonly eachSeconds: number; readonly allMs: number; readonly now: () => number }) {
    this.#leftMs = limit.allMs;
    this.#eachSeconds = limit.eachSeconds;
    this.#now = limit.now;
  }

  /** Null: it took too much, or all before it did. Rejects as the session does for everything else. */
  async rows(session: Session, sql: string, values: readonly unknown[] = []): Promise<readonly Row[] | null> {
    if (this.#leftMs <= 0) return null;
    const beganMs = this.#now();
    try {
      return await limited(session, this.#eachSeconds, sql, values);
    } finally {
      this.#leftMs -= Math.max(this.#now() - beganMs - freeMs, 0);
    }
  }
}

/** Null: it took more than these seconds, or too much memory. */
export async function limited(
  session: Session,
  seconds: number,
  sql: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[] | null> {
  try {
    // A comment for all but MariaDB.
    const limits = `max_statement_time=${seconds}, max_session_mem_used=${mostMemory}`;
    return await session.rows(`/*M!100200 SET STATEMENT ${limits} FOR */ ${sql}`, values);
  } catch (error) {
    if (!overLimit.has(errorNumber(error))) throw error;
    return null;
  }
}
