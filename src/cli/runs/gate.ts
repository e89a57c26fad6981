/** Holds back accounts while the machine is too busy, and turns them away once the window has closed. */

import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../core/errors.ts';

export interface GateOptions {
  /** Null: no limit. */
  readonly untilMs: number | null;
  readonly maxLoad: number | null;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Of the last minute; given by tests. */
  readonly load?: () => number;
  readonly pollMs?: number;
}

/** Of a run, all its accounts together: a machine that is always busy, be it with the backup, still gets them all. */
const longestWaitMs = 3_600_000;

export function makeGate(options: GateOptions): () => Promise<void> {
  const { untilMs, maxLoad, now, signal } = options;
  const { load = () => loadavg()[0] ?? 0, pollMs = 10_000 } = options;
  const checkWindow = (): void => {
    if (untilMs === null || now() < untilMs) return;
    throw new HoldfastError('WINDOW_CLOSED', 'the window closed before the account was begun', {
      hint: 'Wait for the next run, which begins with this account, or widen the window.',
    });
  };
  let waitedMs = 0;
  let waiting: Promise<void> | null = null;
  const calm = async (limit: number): Promise<void> => {
    const sinceMs = now();
    try {
      while (load() > limit && waitedMs + now() - sinceMs < longestWaitMs) {
        await sleep(pollMs, undefined, { signal });
        checkWindow();
      }
    } finally {
      waitedMs += now() - sinceMs;
      waiting = null;
    }
  };
  return async () => {
    checkWindow();
    if (maxLoad === null || waitedMs >= longestWaitMs) return;
    // Accounts that are held back at the same time wait for the same.
    waiting ??= calm(maxLoad);
    await waiting;
  };
}
