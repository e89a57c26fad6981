/**
 * Keeps writers off the tables of one database that no transaction covers, from before its dump takes its
 * snapshot until the dump has ended.
 *
 * The locks never cost more than consistency: where nothing moves for a while, perhaps because somebody
 * waits for these tables in front of the dump, or because the reader stalls, they are given up and the
 * tables are reported instead.
 */

import type { DatabaseInstanceConfig } from '../types.ts';
import { within } from '../within.ts';
import { lockOnly } from './barrier.ts';
import type { DumpPlan } from './inspect.ts';
import { openSession, type Session } from './session.ts';

/** Longest time without a byte before writers go first. */
const longestSilenceMs = 5_000;

export class HeldTables {
  readonly tables: readonly string[];
  readonly #session: Session;
  #timer: NodeJS.Timeout;
  #intact = true;
  #released = false;

  constructor(tables: readonly string[], session: Session) {
    this.tables = tables;
    this.#session = session;
    this.#timer = this.#wind();
  }

  /** Whether the locks have been held all the time so far, as far as is known; `confirm` asks. */
  get intact(): boolean {
    return this.#intact;
  }

  /** Asks whether the connection that has the locks is still there: they go with it, and nobody says so. */
  async confirm(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#released || !this.#intact) return;
    let answered = false;
    const asked = this.#session.rows('SELECT 1').then(
      () => {
        answered = true;
      },
      () => {},
    );
    await within(longestSilenceMs, asked);
    this.#intact = answered;
  }

  /** The dump has got further. */
  moved(): void {
    clearTimeout(this.#timer);
    if (!this.#released) this.#timer = this.#wind();
  }

  /** Safe to repeat. */
  async release(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#released) return;
    this.#released = true;
    await this.#session.close();
  }

  #wind(): NodeJS.Timeout {
    const giveUp = (): void => {
      this.#intact = false;
      void this.release();
    };
    return setTimeout(giveUp, longestSilenceMs).unref();
  }
}

/** Null where there is nothing to hold, or the locks cannot be had. */
export async function holdTables(
  config: DatabaseInstanceConfig,
  { database, outside }: DumpPlan,
  signal: AbortSignal,
): Promise<HeldTables | null> {
  if (outside.length === 0) return null;
  const session = await openSession(config, signal);
  try {
    const refused = await lockOnly(session, { database, tables: outside }, signal);
    if (refused === null) return new HeldTables(outside, session);
  } catch (error) {
    await session.close();
    throw error;
  }
  await session.close();
  return null;
}
