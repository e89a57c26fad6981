import { describe, expect, it } from 'vitest';
import { dueLevel, lastFirstSunday, lastSunday } from '../../../src/addins/chain/cadence.ts';
import type { HistoryItem, Level } from '../../../src/core/contracts/provider.ts';

const at = (instant: string): number => Date.parse(`${instant}:00Z`);
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function item(instant: string, level: Level): HistoryItem {
  return { sequence: 1, id: instant, atMs: at(instant), level, state: 'complete', manifestKey: '' };
}

/** Levels of runs at the given instants, each planned with `auto`. */
function run(
  history: HistoryItem[],
  instants: readonly string[],
  cadence: 'monthly' | 'forever' = 'monthly',
) {
  return instants.map((instant) => {
    const level = dueLevel(history, at(instant), cadence);
    history.push(item(instant, level));
    return level;
  });
}

const nights = (from: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => new Date(at(from) + i * 86_400_000).toISOString().slice(0, 16));

describe('lastSunday', () => {
  it.each([
    ['2026-11-15T00:00', '2026-11-15'],
    ['2026-11-15T23:59', '2026-11-15'],
    ['2026-11-21T23:59', '2026-11-15'],
    ['2027-01-01T03:00', '2026-12-27'],
    ['1969-12-31T03:00', '1969-12-28'],
  ])('before %s is %s', (now, expected) => {
    expect(day(lastSunday(at(now)))).toBe(expected);
  });
});

describe('lastFirstSunday', () => {
  it.each([
    ['2026-11-01T00:00', '2026-11-01'], // the month begins with a Sunday
    ['2026-11-30T12:00', '2026-11-01'],
    ['2026-12-05T23:59', '2026-11-01'],
    ['2026-12-06T00:00', '2026-12-06'],
    ['2027-01-02T23:59', '2026-12-06'], // over the turn of the year
    ['2027-01-03T00:00', '2027-01-03'],
    ['2028-02-29T03:00', '2028-02-06'],
  ])('before %s is %s', (now, expected) => {
    expect(day(lastFirstSunday(at(now)))).toBe(expected);
  });
});

describe('the monthly cadence', () => {
  it('makes the first snapshot a full, on whatever day', () => {
    expect(dueLevel([], at('2026-11-18T03:00'), 'monthly')).toBe('full');
  });

  it('makes a full on the first Sunday, differentials on the others, incrementals between', () => {
    const levels = run([item('2026-10-04T03:00', 'full')], nights('2026-11-01T03:00', 36));

    const short = levels.map((level) => level[0]).join('');
    expect(short).toBe('fiiiiii' + 'diiiiii' + 'diiiiii' + 'diiiiii' + 'diiiiii' + 'f');
  });

  it('makes one full on a Sunday of several runs', () => {
    const levels = run(
      [item('2026-10-04T03:00', 'full')],
      ['2026-11-01T00:00', '2026-11-01T06:00', '2026-11-01T18:00'],
    );
    expect(levels).toEqual(['full', 'incremental', 'incremental']);
  });

  it('catches up the full of a Sunday on which nothing ran', () => {
    const history = [item('2026-10-04T03:00', 'full'), item('2026-10-31T03:00', 'incremental')];
    expect(run(history, nights('2026-11-03T03:00', 6))).toEqual([
      'full',
      'incremental',
      'incremental',
      'incremental',
      'incremental',
      'differential',
    ]);
  });

  it('catches up a missed differential, and makes one full after a silence of months', () => {
    expect(dueLevel([item('2026-11-01T03:00', 'full')], at('2026-11-10T03:00'), 'monthly')).toBe(
      'differential',
    );
    expect(run([item('2026-05-03T03:00', 'full')], ['2026-11-20T03:00', '2026-11-21T03:00'])).toEqual([
      'full',
      'incremental',
    ]);
  });

  it('does not put off a Sunday for a full made by hand on Saturday', () => {
    const history = [item('2026-10-04T03:00', 'full'), item('2026-10-31T12:00', 'full')];
    expect(dueLevel(history, at('2026-11-01T03:00'), 'monthly')).toBe('full');
  });

  it('takes a full made by hand in the week for the base of what follows', () => {
    const history = [item('2026-11-01T03:00', 'full'), item('2026-11-11T12:00', 'full')];
    expect(run(history, ['2026-11-12T03:00', '2026-11-15T03:00'])).toEqual(['incremental', 'differential']);
  });

  it('is not confused by a clock that went back', () => {
    const history = [item('2026-11-01T03:00', 'full'), item('2026-11-08T03:00', 'differential')];
    expect(dueLevel(history, at('2026-11-05T03:00'), 'monthly')).toBe('incremental');
    expect(dueLevel(history, at('2026-11-09T03:00'), 'monthly')).toBe('incremental');
  });

  it('does not wait for a day that only a wrong clock has seen', () => {
    const ahead = [item('2037-06-07T03:00', 'full'), item('2037-06-08T03:00', 'incremental')];
    expect(run(ahead, nights('2026-11-18T03:00', 5))).toEqual([
      'full',
      'incremental',
      'incremental',
      'incremental',
      'differential',
    ]);
  });

  it('goes over the turn of a year', () => {
    const levels = run([item('2026-12-06T03:00', 'full')], nights('2026-12-26T03:00', 9));
    // 27 December and 3 January are Sundays.
    expect(levels.map((level) => level[0]).join('')).toBe('ddiiiiiif');
  });
});

describe('the cadence forever', () => {
  it('makes one full, then incrementals only', () => {
    const levels = run([], nights('2026-10-28T03:00', 400), 'forever');
    expect(levels[0]).toBe('full');
    expect(new Set(levels.slice(1))).toEqual(new Set(['incremental']));
  });
});
