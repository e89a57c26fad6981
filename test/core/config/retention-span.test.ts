import { describe, expect, it } from 'vitest';
import { longestKeptDays } from '../../../src/core/config/retention-span.ts';

describe('longestKeptDays', () => {
  it.each([
    [null, null],
    [{ keepLast: 3 }, null],
    [{ keepLast: 3, keepDaily: 7 }, null],
    [{ keepDaily: 7 }, 7],
    [{ keepHourly: 30 }, 2],
    [{ keepDaily: 7, keepWeekly: 4, keepMonthly: 12 }, 372],
    [{ keepYearly: 2, keepDaily: 1000 }, 1000],
    [{ keepWithin: '36h' }, 2],
    [{ keepWithin: '2y', keepDaily: 7 }, 732],
  ])('of %j is %j', (retention, days) => {
    expect(longestKeptDays(retention)).toBe(days);
  });
});
