/**
 * The hours of the day in which runs may begin. Pure.
 *
 * By the wall clock: on a day on which clocks skip all of a window, it does not open.
 */

import { LocalDay, localDay, localMinute } from './zoned-time.ts';

export interface Window {
  /** Minutes of the day; `to` before `from` crosses midnight. */
  readonly from: number;
  readonly to: number;
}

/** `HH:MM-HH:MM`, as the configuration has accepted it. */
export function parseWindow(text: string): Window {
  const [from, to] = text.split('-').map((one) => {
    const [hours, minutes] = one.split(':').map(Number);
    return hours! * 60 + minutes!;
  });
  return { from: from!, to: to! };
}

export function isOpen({ from, to }: Window, zone: string, nowMs: number): boolean {
  const minute = localMinute(zone, nowMs);
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

/** When a window that is open now closes. */
export const closesAt = ({ to }: Window, zone: string, nowMs: number): number => nextMinute(to, zone, nowMs);

/** When it opens, for a window that is closed now. */
export const opensAt = ({ from }: Window, zone: string, nowMs: number): number =>
  nextMinute(from, zone, nowMs);

function nextMinute(minute: number, zone: string, nowMs: number): number {
  for (let day = localDay(zone, nowMs); ; day++) {
    const local = new LocalDay(zone, day);
    const found = [local.first(minute), ...local.instants(minute)].filter((instant) => instant > nowMs);
    if (found.length > 0) return Math.min(...found);
  }
}
