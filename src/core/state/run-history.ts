/**
 * What became of runs on this server: one small record each, and beside it the log, in the state.
 *
 * For people and for the schedule; backups do not depend on it. Kept for a time, and never more than a
 * thousand. A run that was killed has no record here: `run-records.ts` knows it.
 */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isAhead, latestPast } from '../ahead.ts';
import type { RequestedLevel } from '../contracts/provider.ts';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';
import { forgetInterrupted, knownRuns } from './run-records.ts';

export interface PastRun {
  /** Twelve hex digits. */
  readonly id: string;
  readonly addin: string;
  readonly level: RequestedLevel;
  readonly scheduled: boolean;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly exitStatus: number;
  readonly accounts: number;
  readonly snapshots: number;
  readonly partial: number;
  readonly failed: number;
}

const mostRuns = 1000;
/** Fewer that agree on how late it is may all go by a clock that was wrong. */
const runsToBelieve = 5;
const dayMs = 86_400_000;
const nameOf = (startedAtMs: number, id: string): string =>
  `${new Date(startedAtMs).toISOString().replace(/[-:]|\.\d+/g, '')}-${id}`;

const directoryOf = (stateDir: string): string => join(stateDir, 'run-history');

export const runLogFile = (stateDir: string, startedAtMs: number, id: string): string =>
  join(directoryOf(stateDir), `${nameOf(startedAtMs, id)}.log`);

/** The directory is there when it resolves. */
export async function runLogPath(stateDir: string, startedAtMs: number, id: string): Promise<string> {
  await mkdir(directoryOf(stateDir), { recursive: true, mode: 0o700 });
  return runLogFile(stateDir, startedAtMs, id);
}

/**
 * Makes room before it writes: runs older than `keep` go first. A record is only for people and for the schedule.
 *
 * @returns why it could not be written, or null
 */
export async function rememberRun(
  stateDir: string,
  run: PastRun,
  keep?: { readonly days: number; readonly nowMs: number },
): Promise<string | null> {
  const directory = directoryOf(stateDir);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (keep !== undefined) await forgetRuns(stateDir, keep.days, keep.nowMs);
    await writeJsonFile(join(directory, `${nameOf(run.startedAtMs, run.id)}.json`), run);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Removes records and logs of runs that began longer ago than so many days before the fifth last, so that few runs by a
 * clock that is ahead take nothing with them; interrupted ones too. Of too many, those dated ahead go first, then the
 * oldest. The log of a run under way stays.
 */
export async function forgetRuns(stateDir: string, keepDays: number, nowMs: number): Promise<void> {
  const directory = directoryOf(stateDir);
  const names = await namesIn(directory);
  const ids = [...new Set(names.map((name) => name.replace(/\.[a-z]+$/, '')))].sort();
  const latest = nameOf(latestPast(nowMs) + 1000, '');
  const [past, ahead] = [ids.filter((id) => id < latest), ids.filter((id) => id >= latest)];
  const fromMs = Math.min(nowMs, startOf(past.at(-runsToBelieve) ?? past[0]) ?? nowMs);
  const oldestMs = fromMs - keepDays * dayMs;
  await forgetInterrupted(stateDir, oldestMs);
  const oldest = nameOf(oldestMs, '');
  const surplus = [...ahead, ...past].slice(0, Math.max(0, ids.length - mostRuns));
  const gone = new Set([...past.filter((id) => id < oldest), ...surplus]);
  for (const { state, startedAtMs, id } of await knownRuns(stateDir)) {
    if (state === 'running') gone.delete(nameOf(startedAtMs, id));
  }
  for (const name of names) {
    if (gone.has(name.replace(/\.[a-z]+$/, ''))) await rm(join(directory, name), { force: true });
  }
}

/** To the second; null for no name. */
function startOf(name: string | undefined): number | null {
  if (name === undefined) return null;
  return Date.parse(name.replace(/^(....)(..)(..T..)(..)(..Z).*$/, '$1-$2-$3:$4:$5'));
}

export interface WantedRuns {
  readonly addin?: string;
  /** Only those that the schedule began, or only the others. */
  readonly scheduled?: boolean;
  /** Only those that began at or after it. */
  readonly sinceMs?: number;
  readonly limit: number;
  readonly nowMs: number;
}

/**
 * Newest first, at most `limit`. One dated ahead of `nowMs`, by a clock that was wrong, comes after all others, and is not
 * since an instant that is past.
 */
export async function pastRuns(
  stateDir: string,
  { addin, scheduled, sinceMs = 0, limit, nowMs }: WantedRuns,
): Promise<PastRun[]> {
  const directory = directoryOf(stateDir);
  const names = (await namesIn(directory)).filter((name) => name.endsWith('.json')).sort();
  const latest = nameOf(latestPast(nowMs) + 1000, '');
  const ahead = names.filter((name) => name >= latest);
  const past = names.slice(0, names.length - ahead.length);
  const wrongClock = sinceMs === 0 || isAhead(sinceMs, nowMs) ? ahead : [];
  const oldest = nameOf(sinceMs, '');
  const wanted = [...past.reverse(), ...wrongClock.reverse()].filter((one) => one >= oldest);
  const found: PastRun[] = [];
  for (const group of sameSecond(wanted)) {
    if (found.length >= limit) break;
    const runs: PastRun[] = [];
    for (const name of group) {
      const read = await readJsonFile(join(directory, name));
      if (!('value' in read) || !isPastRun(read.value)) continue;
      const run = read.value;
      const fits = addin === undefined || run.addin === addin;
      if (fits && (scheduled ?? run.scheduled) === run.scheduled && run.startedAtMs >= sinceMs)
        runs.push(run);
    }
    found.push(...runs.sort((a, b) => b.startedAtMs - a.startedAtMs || b.endedAtMs - a.endedAtMs));
  }
  return found.slice(0, limit);
}

/** Names have whole seconds, so of those in one their records decide which is newer. */
function sameSecond(names: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (const name of names) {
    const last = groups.at(-1);
    if (last !== undefined && startOf(last[0]) === startOf(name)) last.push(name);
    else groups.push([name]);
  }
  return groups;
}

const namesIn = async (directory: string): Promise<string[]> => {
  const names = await readdir(directory).catch((): string[] => []);
  return names.filter((name) => /^\d{8}T\d{6}Z-[0-9a-f]{12}\.(json|log)$/.test(name));
};

function isPastRun(value: unknown): value is PastRun {
  if (typeof value !== 'object' || value === null) return false;
  const { id, addin, level, scheduled, ...numbers } = value as Record<string, unknown>;
  const texts = [id, addin, level].every((one) => typeof one === 'string');
  const names = ['startedAtMs', 'endedAtMs', 'exitStatus', 'accounts', 'snapshots', 'partial', 'failed'];
  return (
    texts && typeof scheduled === 'boolean' && names.every((name) => Number.isSafeInteger(numbers[name]))
  );
}
