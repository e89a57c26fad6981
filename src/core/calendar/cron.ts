/**
 * When a cron expression is due, as pure functions of instants.
 *
 * node-cron reads the expression. Its timers look at the clock of the process and know neither downtimes
 * nor simulated clocks, so the next and the latest time are found here. As in cron: a day fits where either
 * day field does, if both are restricted; a time of day that clocks skip is due when they do, one that comes
 * twice is due the first time; where the hour is `*`, every real hour counts.
 */

import { createRequire } from 'node:module';
import { LocalDay, localDay } from './zoned-time.ts';

export interface CronTimes {
  /** Minutes of the day, ascending. */
  readonly minutes: readonly number[];
  readonly everyHour: boolean;
  fitsDay(day: number): boolean;
}

const dayMs = 86_400_000;
/** No expression that is ever due waits longer: 29 February, over a century that is no leap year. */
const longestDays = 3000;

/** For an expression that the configuration has accepted. */
export function parseCron(expression: string): CronTimes {
  const { parse } = createRequire(import.meta.url)('node-cron') as typeof import('node-cron');
  const fields = parse(expression);
  const [, hourText, dateText, , weekText] = expression.trim().split(/ +/);
  const minutes = fields.hour
    .flatMap((hour) => fields.minute.map((minute) => hour * 60 + minute))
    .sort((a, b) => a - b);
  const [anyDate, anyWeekday] = [dateText!.startsWith('*'), weekText!.startsWith('*')];
  return {
    minutes,
    everyHour: hourText === '*' || hourText === '*/1',
    fitsDay(day) {
      const date = new Date(day * dayMs);
      if (!fields.month.includes(date.getUTCMonth() + 1)) return false;
      const ofMonth = fitsDate(fields.dayOfMonth, date);
      const ofWeek = fitsWeekday(fields.dayOfWeek, date);
      return anyDate || anyWeekday ? ofMonth && ofWeek : ofMonth || ofWeek;
    },
  };
}

const isLastOf = (date: Date, days: number): boolean =>
  new Date(date.getTime() + days * dayMs).getUTCMonth() !== date.getUTCMonth();

const fitsDate = (allowed: readonly (number | string)[], date: Date): boolean =>
  allowed.includes(date.getUTCDate()) || (allowed.includes('L') && isLastOf(date, 1));

const fitsWeekday = (allowed: readonly (number | string)[], date: Date): boolean =>
  allowed.includes(date.getUTCDay()) || (allowed.includes(`${date.getUTCDay()}L`) && isLastOf(date, 7));

/** Instants of one local day, ascending. */
function instantsOf(cron: CronTimes, zone: string, day: number): readonly number[] {
  if (!cron.fitsDay(day)) return [];
  const local = new LocalDay(zone, day);
  const found = cron.minutes.flatMap((minute) =>
    cron.everyHour ? local.instants(minute) : [local.first(minute)],
  );
  return [...new Set(found)].sort((a, b) => a - b);
}

/** The latest answer of `nextTime` for each expression: a daemon asks the same again and again. */
const answers = new WeakMap<CronTimes, { zone: string; afterMs: number; time: number | null }>();

/** The first time after `afterMs`; null where the expression is never due, as on 30 February. */
export function nextTime(cron: CronTimes, zone: string, afterMs: number): number | null {
  const known = answers.get(cron);
  if (known?.zone === zone && known.afterMs === afterMs) return known.time;
  const time = findNext(cron, zone, afterMs);
  answers.set(cron, { zone, afterMs, time });
  return time;
}

function findNext(cron: CronTimes, zone: string, afterMs: number): number | null {
  const first = localDay(zone, afterMs) - 1;
  for (let day = first; day <= first + longestDays; day++) {
    const found = instantsOf(cron, zone, day).find((instant) => instant > afterMs);
    if (found !== undefined) return found;
  }
  return null;
}

/** The last time after `afterMs` and not after `untilMs`, or null. */
export function latestTime(
  cron: CronTimes,
  zone: string,
  { afterMs, untilMs }: { readonly afterMs: number; readonly untilMs: number },
): number | null {
  if (untilMs <= afterMs) return null;
  const first = localDay(zone, afterMs) - 1;
  for (let day = localDay(zone, untilMs) + 1; day >= first; day--) {
    const found = instantsOf(cron, zone, day).findLast((instant) => instant <= untilMs);
    if (found !== undefined) return found > afterMs ? found : null;
  }
  return null;
}
