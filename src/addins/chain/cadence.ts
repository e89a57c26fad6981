/**
 * Which level is due, from what there is and the calendar. Pure; days begin at midnight UTC.
 *
 * Counted from boundaries, not from run to run: a run that was missed is caught up by the next one, and a
 * full made by hand on Saturday does not put off the one that Sunday brings.
 */

import type { HistoryItem, Level } from '../../core/index.ts';

export type Cadence = 'monthly' | 'forever';

const dayMs = 24 * 60 * 60 * 1000;

export function dueLevel(history: readonly HistoryItem[], nowMs: number, cadence: Cadence): Level {
  if (cadence === 'forever') return history.length === 0 ? 'full' : 'incremental';
  const newestFull = history.findLast((item) => item.level === 'full')?.atMs ?? null;
  if (newestFull === null) return 'full';
  if (isPast(newestFull, lastFirstSunday(nowMs), nowMs, 31)) return 'full';
  const newestBase = history.findLast((item) => item.level !== 'incremental')?.atMs ?? newestFull;
  return isPast(newestBase, lastSunday(nowMs), nowMs, 7) ? 'differential' : 'incremental';
}

/** True also for an instant so far ahead that only a wrong clock can have seen it. */
function isPast(atMs: number, boundaryMs: number, nowMs: number, trustedDays: number): boolean {
  return atMs < boundaryMs || atMs > nowMs + trustedDays * dayMs;
}

function startOfDay(ms: number): number {
  return ms - (((ms % dayMs) + dayMs) % dayMs);
}

/** Start of the Sunday that is today or was last. */
export function lastSunday(nowMs: number): number {
  return startOfDay(nowMs) - new Date(nowMs).getUTCDay() * dayMs;
}

/** Start of the first Sunday of a month that is today or was last. */
export function lastFirstSunday(nowMs: number): number {
  const now = new Date(nowMs);
  const inMonth = (month: number): number => {
    const first = Date.UTC(now.getUTCFullYear(), month, 1);
    return first + ((7 - new Date(first).getUTCDay()) % 7) * dayMs;
  };
  const thisMonth = inMonth(now.getUTCMonth());
  return thisMonth <= nowMs ? thisMonth : inMonth(now.getUTCMonth() - 1);
}
