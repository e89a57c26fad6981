/**
 * What is to run now: the rules of schedules, as pure functions of entries, their state and an instant.
 *
 * Every time of an entry is followed by a run that begins at or after it. Times that passed while nothing
 * could run (downtime, a closed window, a pause, another run of the configuration) are made good by one run
 * together. Only scheduled runs count: one by hand changes nothing here. A run covers waiting entries of its
 * configuration whose level is no stronger, and takes the strongest that waits. A clock that is set back
 * repeats nothing, unless by more than a day: what was noted then lies in a future that may never come, and is
 * put aside until the clock has come back or a run has begun by the clock as it is.
 */

import { createHash } from 'node:crypto';
import { type CronTimes, latestTime, nextTime, parseCron } from '../calendar/cron.ts';
import { closesAt, isOpen, opensAt, parseWindow, type Window } from '../calendar/window.ts';
import { localZone } from '../calendar/zoned-time.ts';
import type { AddinConfiguration } from '../config/load-configuration.ts';
import type { RequestedLevel } from '../contracts/provider.ts';

export interface ScheduleItem {
  /** Stable for an addin configuration, level and expression. */
  readonly key: string;
  readonly addin: string;
  readonly level: RequestedLevel;
  readonly cron: string;
  readonly times: CronTimes;
  readonly zone: string;
  readonly window: Window | null;
  readonly randomDelayMs: number;
}

interface Progress {
  /** Times up to here have had their run. */
  readonly doneThroughMs: number;
  /** A run that was begun and whose end nobody has noted; null where there is none. */
  readonly begun: { readonly atMs: number; readonly forMs: number; readonly tries: number } | null;
}

export interface ItemState extends Progress {
  /** From before the clock was set back by more than a day. */
  readonly aside?: Progress;
}

export type ScheduleStates = Readonly<Record<string, ItemState>>;

export interface Cover {
  readonly key: string;
  /** The latest time of the item that is made good. */
  readonly forMs: number;
  /** Nothing but a run that was begun before, and whose end nobody noted, is made good. */
  readonly again: boolean;
}

export interface RunOrder {
  readonly item: ScheduleItem;
  /** All items that this run covers, its own among them. */
  readonly covers: readonly Cover[];
  /** The latest time it makes good. */
  readonly forMs: number;
  /** No account is to be begun at or after this; null: no limit. */
  readonly untilMs: number | null;
}

const dayMs = 86_400_000;
/** Further than a repeated day, and than any change to or from daylight saving. */
const forgetAheadMs = dayMs + 3_600_000;
/** A run that takes the machine down each time is not begun for ever. */
const mostTries = 3;
const strength: Readonly<Record<RequestedLevel, number>> = {
  incremental: 0,
  auto: 1,
  differential: 2,
  full: 3,
};

export type Scheduled = Pick<
  AddinConfiguration,
  'name' | 'schedule' | 'timeZone' | 'window' | 'randomDelayMinutes'
>;

export function itemsOf(addins: readonly Scheduled[]): ScheduleItem[] {
  const zone = localZone();
  return addins.flatMap(({ name, schedule, timeZone, window, randomDelayMinutes }) =>
    schedule.map(({ level, cron }) => ({
      key: `${name} ${level} ${cron}`,
      addin: name,
      level,
      cron,
      times: parseCron(cron),
      zone: timeZone ?? zone,
      window: window === null ? null : parseWindow(window),
      randomDelayMs: randomDelayMinutes * 60_000,
    })),
  );
}

/** States for exactly these items: a new one owes nothing from before it was there, nor does one that was away. */
export function settle(
  items: readonly ScheduleItem[],
  states: ScheduleStates,
  nowMs: number,
): ScheduleStates {
  return Object.fromEntries(items.map(({ key }): [string, ItemState] => [key, settled(states[key], nowMs)]));
}

function settled(known: ItemState | undefined, nowMs: number): ItemState {
  if (known === undefined) return { doneThroughMs: nowMs, begun: null };
  const { aside, ...own } = known;
  const isAhead = ({ doneThroughMs }: Progress): boolean => doneThroughMs > nowMs + forgetAheadMs;
  if (isAhead(own)) {
    const latest = aside !== undefined && aside.doneThroughMs > own.doneThroughMs ? aside : own;
    return { doneThroughMs: nowMs, begun: null, aside: latest };
  }
  if (aside === undefined || isAhead(aside)) return known;
  const doneThroughMs = Math.max(own.doneThroughMs, aside.doneThroughMs);
  return { doneThroughMs, begun: own.begun ?? aside.begun };
}

/**
 * When the earliest run that the item owes may begin, delay included, windows not; null where its
 * expression is never due. `seed` makes the delay that of this server.
 */
export function dueAt(item: ScheduleItem, state: ItemState, seed: string): number | null {
  if (owesAgain(state)) return state.begun!.forMs;
  const time = nextTime(item.times, item.zone, state.doneThroughMs);
  return time === null ? null : time + delayOf(item, time, seed);
}

const owesAgain = ({ begun }: ItemState): boolean => begun !== null && begun.tries < mostTries;

/**
 * The same each time it is asked, so that a restart neither repeats nor postpones a run, and for all lines of
 * a configuration, so that those of one time stay together.
 */
function delayOf({ addin, randomDelayMs }: ScheduleItem, timeMs: number, seed: string): number {
  if (randomDelayMs === 0) return 0;
  const hash = createHash('sha256').update(`${seed}\n${addin}\n${timeMs}`).digest();
  return Math.floor((hash.readUInt32BE(0) / 2 ** 32) * randomDelayMs);
}

/** As `dueAt`, but when the window lets it begin; never before `nowMs`. */
export function beginsAt(item: ScheduleItem, dueMs: number, nowMs: number): number {
  const at = Math.max(dueMs, nowMs);
  if (item.window === null || isOpen(item.window, item.zone, at)) return at;
  return opensAt(item.window, item.zone, at);
}

/** The runs to begin now: at most one of each addin configuration, none of those in `busy`. */
export function ordersFor(
  items: readonly ScheduleItem[],
  states: ScheduleStates,
  {
    nowMs,
    busy,
    seed,
  }: { readonly nowMs: number; readonly busy: ReadonlySet<string>; readonly seed: string },
): RunOrder[] {
  const free = items.filter(({ addin }) => !busy.has(addin));
  return [...Map.groupBy(free, ({ addin }) => addin).values()].flatMap((group) => {
    const open = group.filter(({ window, zone }) => window === null || isOpen(window, zone, nowMs));
    const isDue = open.some((item) => {
      const at = dueAt(item, states[item.key]!, seed);
      return at !== null && at <= nowMs;
    });
    if (!isDue) return [];
    // Once one is due, others need not wait for what is left of their delays: no second run follows for them.
    const owed = group.flatMap((one) => owedBy(one, states[one.key]!, nowMs));
    const isOwed = new Set(owed.map(({ key }) => key));
    const [item] = open
      .filter(({ key }) => isOwed.has(key))
      .sort((a, b) => strength[b.level] - strength[a.level]);
    if (item === undefined) return [];
    const weaker = new Set(group.filter(({ level }) => strength[level] <= strength[item.level]).map(keyOf));
    const covered = owed.filter(({ key }) => weaker.has(key));
    const untilMs = item.window === null ? null : closesAt(item.window, item.zone, nowMs);
    const forMs = covered.find(({ key }) => key === item.key)?.forMs ?? nowMs;
    return [{ item, covers: covered, forMs, untilMs }];
  });
}

const keyOf = ({ key }: ScheduleItem): string => key;

/** Whatever has passed, delays or not. */
function owedBy({ key, times, zone }: ScheduleItem, state: ItemState, nowMs: number): Cover[] {
  const latest = latestTime(times, zone, { afterMs: state.doneThroughMs, untilMs: nowMs });
  if (latest !== null) return [{ key, forMs: latest, again: false }];
  return owesAgain(state) ? [{ key, forMs: state.begun!.forMs, again: true }] : [];
}

/** To be made durable before the run begins: its times are not owed again, unless nobody notes its end. */
export function begun(states: ScheduleStates, order: RunOrder, nowMs: number): ScheduleStates {
  const entries = order.covers.map(({ key, forMs, again }): [string, ItemState] => {
    const before = states[key]!;
    const tries = again ? before.begun!.tries + 1 : 1;
    const doneThroughMs = Math.max(before.doneThroughMs, nowMs);
    return [key, { doneThroughMs, begun: { atMs: nowMs, forMs, tries } }];
  });
  return { ...states, ...Object.fromEntries(entries) };
}

/** The run has ended, well or not: a failure is told, not repeated before its next time. */
export function ended(states: ScheduleStates, order: RunOrder): ScheduleStates {
  const entries = order.covers
    .filter(({ key }) => states[key] !== undefined)
    .map(({ key }): [string, ItemState] => {
      const { aside, ...own } = states[key]!;
      const whole = aside === undefined ? own : { ...own, aside: { ...aside, begun: null } };
      return [key, { ...whole, begun: null }];
    });
  return { ...states, ...Object.fromEntries(entries) };
}
