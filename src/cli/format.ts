/** Numbers and times as people read them. Pure. */

import { isAhead } from '../core/ahead.ts';

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Decimal units, two significant digits at least: `1.2 GB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `34,000`. By hand: the library's first call costs ten milliseconds. */
export const countText = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

/** `1 warning`, `3 warnings` */
export const plural = (count: number, noun: string): string =>
  `${countText(count)} ${count === 1 ? noun : /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;

/** `12 s`, `3 min 5 s`, `2 h 10 min` */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** One unit, as in a column: `5 min`, `3 h`, `12 d`; `5 d ahead` of what a clock that was wrong has dated. */
export function ageText(milliseconds: number): string {
  if (isAhead(0, milliseconds)) return `${ageText(-milliseconds)} ahead`;
  const minutes = Math.floor(Math.max(0, milliseconds) / 60_000);
  if (minutes < 1) return '<1 min';
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** `5 min ago`, `5 d ahead of the clock` */
export const agoText = (milliseconds: number): string =>
  `${ageText(milliseconds)} ${isAhead(0, milliseconds) ? 'of the clock' : 'ago'}`;

/** `2026-11-21 03:15:00`, UTC. */
export const instantText = (iso: string): string => iso.slice(0, 19).replace('T', ' ');
