/** A limit on waiting that leaves no timer behind. */

import { setTimeout as sleep } from 'node:timers/promises';

/** Whether `work` ended within `limitMs`; it goes on if not. Rejects where it rejects in time. */
export async function within(limitMs: number, work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(limitMs, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    timer.abort();
  }
}
