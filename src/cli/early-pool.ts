/** The capture pool of a backup: its first thread loads while the program itself does. */

import { availableParallelism } from 'node:os';
import { CapturePool } from '../core/jobs/capture/pool.ts';

/** One account of which no more is left by then takes as long with one thread as with two, and less of the processors. */
const aloneMs = 200;

let begun: CapturePool | null = null;

/** For a process that most likely is to make a backup. If it is not, the thread ends with it, as soon as it has loaded. */
export function beginPool(now: () => number): void {
  try {
    begun = newPool(now);
  } catch {
    // Whoever needs one makes one, and tells what is wrong.
  }
}

/** The pool that was begun, or a new one. The caller closes it. */
export function takePool(now: () => number): CapturePool {
  const pool = begun ?? newPool(now);
  begun = null;
  return pool;
}

function newPool(now: () => number): CapturePool {
  const pool = new CapturePool({ threads: availableParallelism(), now, aloneMs });
  pool.start();
  return pool;
}
