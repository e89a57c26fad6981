/** How long a retention may keep a snapshot, for judging rules that remove by age. Pure. */

import type { Retention } from './addin-schema.ts';

const daysPer = { h: 1 / 24, d: 1, w: 7, m: 31, y: 366 } as const;

/**
 * Whole days, for an account that is backed up without gaps. Null: without end, because nothing is ever
 * removed, or because a number of snapshots is kept whatever their age.
 */
export function longestKeptDays(retention: Retention | null): number | null {
  if (retention === null || retention.keepLast !== undefined) return null;
  const { keepHourly = 0, keepDaily = 0, keepWeekly = 0, keepMonthly = 0, keepYearly = 0 } = retention;
  return Math.ceil(
    Math.max(
      keepHourly * daysPer.h,
      keepDaily * daysPer.d,
      keepWeekly * daysPer.w,
      keepMonthly * daysPer.m,
      keepYearly * daysPer.y,
      daysWithin(retention.keepWithin),
    ),
  );
}

function daysWithin(text: string | undefined): number {
  const [, count, unit] = /^(\d+)([hdwmy])$/.exec(text ?? '') ?? [];
  return count === undefined ? 0 : Number(count) * daysPer[unit as keyof typeof daysPer];
}
