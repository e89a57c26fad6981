import { describe, expect, it } from 'vitest';
import { latestTime, nextTime, parseCron } from '../../../src/core/calendar/cron.ts';
import { closesAt, isOpen, opensAt, parseWindow } from '../../../src/core/calendar/window.ts';

const ms = (text: string): number => Date.parse(text);
const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
const next = (cron: string, zone: string, after: string): string | null =>
  iso(nextTime(parseCron(cron), zone, ms(after)));

describe('nextTime', () => {
  it.each([
    ['0 3 * * *', 'UTC', '2026-03-01T02:59:59Z', '2026-03-01T03:00:00.000Z'],
    ['0 3 * * *', 'UTC', '2026-03-01T03:00:00Z', '2026-03-02T03:00:00.000Z'],
    ['0 3 * * *', 'Europe/Berlin', '2026-07-01T00:00:00Z', '2026-07-01T01:00:00.000Z'],
    ['0 3 * * *', 'Pacific/Kiritimati', '2026-07-01T00:00:00Z', '2026-07-01T13:00:00.000Z'],
    ['30 4 * * sun', 'UTC', '2026-11-21T00:00:00Z', '2026-11-22T04:30:00.000Z'],
    ['0 0 L * *', 'UTC', '2028-02-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['0 0 13 * 5', 'UTC', '2026-11-21T00:00:00Z', '2026-11-27T00:00:00.000Z'],
  ])('of %s in %s after %s is %s', (cron, zone, after, expected) => {
    expect(next(cron, zone, after)).toBe(expected);
  });

  it('of a time that clocks skip is the moment at which they do', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toBe('2026-03-29T01:00:00.000Z');
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-29T01:00:00Z')).toBe('2026-03-30T00:30:00.000Z');
    expect(next('30 */2 * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z')).toBe('2026-03-29T01:00:00.000Z');
    expect(next('0 0 * * *', 'America/Santiago', '2026-09-05T12:00:00Z')).toBe('2026-09-06T04:00:00.000Z');
  });

  it('of a time that comes twice is the first, unless every hour counts', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toBe('2026-10-25T00:30:00.000Z');
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z')).toBe('2026-10-26T01:30:00.000Z');
    expect(next('30 * * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z')).toBe('2026-10-25T01:30:00.000Z');
  });
});

describe('latestTime', () => {
  it('looks back no further than it is told', () => {
    const cron = parseCron('0 3 * * *');
    const between = (after: string, until: string): string | null =>
      iso(latestTime(cron, 'UTC', { afterMs: ms(after), untilMs: ms(until) }));

    expect(between('2026-01-01T00:00:00Z', '2026-06-01T12:00:00Z')).toBe('2026-06-01T03:00:00.000Z');
    expect(between('2026-06-01T03:00:00Z', '2026-06-01T12:00:00Z')).toBeNull();
    expect(between('2026-06-01T12:00:00Z', '2026-06-01T02:00:00Z')).toBeNull();
  });
});

describe('a window', () => {
  it('may cross midnight', () => {
    const window = parseWindow('22:00-06:00');
    const at = (text: string): boolean => isOpen(window, 'UTC', ms(text));

    expect([at('2026-01-01T21:59:00Z'), at('2026-01-01T22:00:00Z'), at('2026-01-02T05:59:00Z')]).toEqual([
      false,
      true,
      true,
    ]);
    expect(iso(closesAt(window, 'UTC', ms('2026-01-01T23:00:00Z')))).toBe('2026-01-02T06:00:00.000Z');
    expect(iso(opensAt(window, 'UTC', ms('2026-01-02T07:00:00Z')))).toBe('2026-01-02T22:00:00.000Z');
  });

  it('follows the wall clock over daylight saving', () => {
    const window = parseWindow('02:00-04:00');

    expect(iso(closesAt(window, 'Europe/Berlin', ms('2026-03-29T01:10:00Z')))).toBe(
      '2026-03-29T02:00:00.000Z',
    );
    expect(iso(opensAt(window, 'Europe/Berlin', ms('2026-10-24T12:00:00Z')))).toBe(
      '2026-10-25T00:00:00.000Z',
    );
    expect(iso(closesAt(window, 'Europe/Berlin', ms('2026-10-25T00:10:00Z')))).toBe(
      '2026-10-25T03:00:00.000Z',
    );
  });
});
