/**
 * A thousand days of a daemon on a simulated clock: downtimes, kills, pauses, runs by hand, lines that are taken
 * out and put back, clocks that jump and come back, and daylight saving. What is owed is found minute by minute by
 * other means than the code has.
 */

import { describe, expect, it } from 'vitest';
import {
  begun,
  ended,
  itemsOf,
  ordersFor,
  type RunOrder,
  type Scheduled,
  type ScheduleStates,
  settle,
} from '../../../src/core/schedule/schedule.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;
const stepMs = 5 * minuteMs;
const startMs = Date.parse('2025-06-01T00:00:00Z');
const delayMinutes = 20;

interface Entry {
  readonly level: 'full' | 'incremental';
  readonly cron: string;
  readonly hours: readonly number[] | 'every';
  readonly minute: number;
  readonly weekdays: readonly string[];
}

const week = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const entries: readonly Entry[] = [
  { level: 'full', cron: '30 2 * * 0', hours: [2], minute: 30, weekdays: ['Sun'] },
  { level: 'incremental', cron: '30 2,14 * * *', hours: [2, 14], minute: 30, weekdays: week },
];
const hourly: Entry = {
  level: 'incremental',
  cron: '45 * * * *',
  hours: 'every',
  minute: 45,
  weekdays: week,
};
const addins: readonly (Scheduled & { readonly entries: readonly Entry[] })[] = [
  { name: 'nightly', entries, timeZone: null, window: '01:30-05:00', randomDelayMinutes: delayMinutes },
  { name: 'always', entries: [...entries, hourly], timeZone: null, window: null, randomDelayMinutes: 0 },
].map((one) => ({ ...one, schedule: one.entries.map(({ level, cron }) => ({ level, cron })) }));

interface WallTime {
  readonly weekday: string;
  readonly minute: number;
}

/** The wall clock. Every entry looks at the same instants, and asking costs far more than keeping the answer. */
class Wall {
  readonly #format: Intl.DateTimeFormat;
  readonly #known = new Map<number, WallTime>();
  constructor(timeZone: string) {
    const parts = { weekday: 'short', hour: 'numeric', minute: 'numeric', hourCycle: 'h23' } as const;
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone, ...parts });
  }
  at(ms: number): WallTime {
    let time = this.#known.get(ms);
    if (time === undefined) {
      const parts = Object.fromEntries(
        this.#format.formatToParts(ms).map(({ type, value }) => [type, value]),
      );
      time = { weekday: parts['weekday']!, minute: Number(parts['hour']) * 60 + Number(parts['minute']) };
      this.#known.set(ms, time);
    }
    return time;
  }
}

/** All times of an entry, from how the wall clock moves in steps of five minutes. */
function timesOf({ hours, minute, weekdays }: Entry, wall: Wall, untilMs: number): number[] {
  const found: number[] = [];
  let before = wall.at(startMs - stepMs);
  const shown = new Map<string, number>();
  for (let ms = startMs; ms < untilMs; ms += stepMs) {
    const now = wall.at(ms);
    const jumped = now.weekday === before.weekday && now.minute - before.minute > 5;
    for (let at = jumped ? before.minute + 5 : now.minute; at <= now.minute; at += 5) {
      const skipped = at !== now.minute;
      if (at % 60 !== minute || !weekdays.includes(now.weekday)) continue;
      if (hours === 'every' ? skipped : !hours.includes(Math.floor(at / 60))) continue;
      const repeated = ms - (shown.get(`${now.weekday} ${at}`) ?? 0) < dayMs / 2;
      if (repeated && hours !== 'every') continue;
      shown.set(`${now.weekday} ${at}`, ms);
      found.push(ms);
    }
    before = now;
  }
  return found;
}

interface Debt {
  readonly times: readonly number[];
  owed: number[];
  throughMs: number;
  /** What `throughMs` was before the clock was set back by more than a day; 0 where it was not. */
  asideMs: number;
}

function simulate(timeZone: string, days: number, seed: number) {
  const random = seededRandom(seed);
  const chance = (perDay: number): boolean => random() < (perDay * stepMs) / dayMs;
  const wall = new Wall(timeZone);
  const all = itemsOf(addins.map((one) => ({ ...one, timeZone })));
  const endMs = startMs + days * dayMs;
  const debts = new Map<string, Debt>();
  for (const { name, entries: lines } of addins) {
    for (const entry of lines) {
      const times = timesOf(entry, wall, endMs + 40 * dayMs);
      debts.set(`${name} ${entry.level} ${entry.cron}`, {
        times,
        owed: [],
        throughMs: startMs,
        asideMs: 0,
      });
    }
  }
  let states: ScheduleStates = settle(all, {}, startMs);
  let clock = startMs;
  let [downUntil, pausedUntil] = [0, 0];
  /** Ends of runs, by true time; those by hand have no order. */
  const busy = new Map<string, { readonly untilMs: number; readonly order: RunOrder | null }>();
  const counted = { runs: 0, kills: 0, jumps: 0, returns: 0, absences: 0 };
  const killed = new Map<string, number[]>();
  /** Lines that are not configured for now, until an instant of true time. */
  const away = new Map<string, number>();
  for (let truth = startMs; truth < endMs; truth += stepMs) {
    clock += stepMs;
    if (clock < endMs && chance(0.04)) {
      const far = chance(0.4 * (dayMs / stepMs)) ? 30 * dayMs : 10 * 60 * minuteMs;
      clock += Math.round(((random() - 0.5) * 2 * far) / stepMs) * stepMs;
      counted.jumps++;
    }
    if (Math.abs(clock - truth) > 2 * dayMs && chance(0.5)) {
      clock = truth;
      counted.returns++;
    }
    if (clock < startMs || clock > endMs + 30 * dayMs) clock = truth;
    if (truth >= downUntil && chance(0.05)) {
      downUntil = truth + random() ** 3 * 10 * dayMs;
      for (const [addin, { order }] of busy) {
        if (order === null) continue;
        // Killed with the daemon: what it was to make good is owed again.
        for (const { key, forMs } of order.covers) killed.set(key, [forMs]);
        busy.delete(addin);
        counted.kills++;
      }
    }
    if (chance(0.03)) pausedUntil = truth + random() * 2 * dayMs;
    for (const { name } of addins) {
      if (!busy.has(name) && chance(0.2))
        busy.set(name, { untilMs: truth + random() * 8 * 3_600_000, order: null });
    }
    if (truth < downUntil) continue;
    for (const { key } of all) {
      const untilMs = away.get(key);
      if (untilMs === undefined && chance(0.01)) {
        away.set(key, truth + random() * 20 * dayMs);
        counted.absences++;
      }
      if (untilMs === undefined || truth < untilMs) continue;
      away.delete(key);
      killed.delete(key);
      Object.assign(debts.get(key)!, { owed: [], throughMs: clock, asideMs: 0 });
    }
    const items = all.filter(({ key }) => !away.has(key));
    for (const debt of debts.values()) followClock(debt, clock);
    owe(debts, clock);
    for (const [addin, { untilMs, order }] of busy) {
      if (truth < untilMs) continue;
      if (order !== null) {
        states = ended(states, order);
        for (const { key } of order.covers) killed.delete(key);
      }
      busy.delete(addin);
    }
    states = settle(items, states, clock);
    if (truth < pausedUntil) continue;
    const working = new Set(busy.keys());
    for (const order of ordersFor(items, states, { nowMs: clock, busy: working, seed: 'server' })) {
      const { minute } = wall.at(clock);
      const own = order.covers.find(({ key }) => key === order.item.key)!;
      expect(working.has(order.item.addin), 'one run of a kind at a time').toBe(false);
      if (order.item.addin === 'nightly') expect(minute >= 90 && minute < 300, 'in its window').toBe(true);
      for (const { key } of order.covers) {
        const debt = debts.get(key)!;
        const again = killed.get(key) ?? [];
        expect(
          debt.owed.length + again.length,
          `${key} is owed at ${new Date(clock).toISOString()}`,
        ).toBeGreaterThan(0);
        debt.owed = [];
        debt.throughMs = Math.max(debt.throughMs, clock);
        debt.asideMs = 0;
        killed.delete(key);
      }
      for (const { key, addin } of items) {
        if (addin !== order.item.addin) continue;
        const left = debts.get(key)!.owed.filter((ms) => ms <= clock);
        expect(left, `a second run follows for ${key}`).toEqual([]);
      }
      expect(own.forMs).toBeLessThanOrEqual(Math.max(clock, own.again ? own.forMs : 0));
      states = begun(states, order, clock);
      busy.set(order.item.addin, { untilMs: truth + stepMs + random() ** 4 * 20 * 3_600_000, order });
      counted.runs++;
    }
    for (const { key, addin, window } of items) {
      const { minute } = wall.at(clock);
      if (busy.has(addin) || (window !== null && (minute < 90 || minute >= 300))) continue;
      const late = debts.get(key)!.owed.filter((ms) => ms + delayMinutes * minuteMs <= clock);
      if (late.length > 0) expect(late, `${key} is missed at ${new Date(clock).toISOString()}`).toEqual([]);
    }
  }
  return counted;
}

/** A clock that is set back by more than a day makes the past of before a future; it may come back to it. */
function followClock(debt: Debt, clock: number): void {
  const { throughMs, asideMs, owed } = debt;
  const bound = clock + 25 * 3_600_000;
  if (throughMs > bound) {
    Object.assign(debt, { owed: [], throughMs: clock, asideMs: Math.max(throughMs, asideMs) });
  } else if (asideMs > 0 && asideMs <= bound) {
    const through = Math.max(throughMs, asideMs);
    Object.assign(debt, { owed: owed.filter((ms) => ms > through), throughMs: through, asideMs: 0 });
  }
}

/** What the clock has passed since the last run of each, and was not passed before. */
function owe(debts: ReadonlyMap<string, Debt>, clock: number): void {
  for (const debt of debts.values()) {
    const known = debt.owed.at(-1) ?? 0;
    let [low, high] = [0, debt.times.length];
    const after = Math.max(known, debt.throughMs);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (debt.times[middle]! <= after) low = middle + 1;
      else high = middle;
    }
    for (; low < debt.times.length && debt.times[low]! <= clock; low++) debt.owed.push(debt.times[low]!);
  }
}

describe('a schedule over a thousand days', () => {
  it.each([
    ['Europe/Berlin', 1000, 1],
    ['America/New_York', 300, 2],
    ['Australia/Lord_Howe', 300, 3],
    ['UTC', 100, 4],
  ])('misses, doubles and misplaces no run in %s, %i days', (zone, days, seed) => {
    const { runs, returns, ...others } = simulate(zone, days, seed);

    expect(runs).toBeGreaterThan(days * 5);
    for (const count of Object.values(others)) expect(count).toBeGreaterThan(0);
    if (days === 1000) expect(returns).toBeGreaterThan(0);
  });
});
