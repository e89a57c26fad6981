/**
 * What the schedule remembers between ticks and restarts, and what people have paused.
 *
 * Two files, since two write them: the states belong to whoever holds the daemon's lock, the pauses to the
 * command line.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../state/atomic-file.ts';
import { isItemState } from '../state/state-schemas.ts';
import type { ScheduleStates } from './schedule.ts';

export interface Pauses {
  /** Everything, or null; when it began. */
  readonly allSinceMs: number | null;
  /** By name of the addin configuration. */
  readonly addins: Readonly<Record<string, number>>;
}

const noPauses: Pauses = { allSinceMs: null, addins: {} };

/** Nothing where there is no file, or none that can be understood: nothing is owed from before then. */
export async function readStates(stateDir: string): Promise<ScheduleStates> {
  const read = await readJsonFile(join(stateDir, 'schedule.json'));
  const states = 'value' in read ? (read.value as { states?: unknown } | null)?.states : null;
  if (typeof states !== 'object' || states === null) return {};
  const entries = Object.entries(states as Record<string, unknown>);
  return Object.fromEntries(entries.flatMap(([key, value]) => (isItemState(value) ? [[key, value]] : [])));
}

export async function writeStates(stateDir: string, states: ScheduleStates): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await writeJsonFile(join(stateDir, 'schedule.json'), { version: 1, states });
}

export async function readPauses(stateDir: string): Promise<Pauses> {
  const read = await readJsonFile(join(stateDir, 'paused.json'));
  const value = 'value' in read ? (read.value as Partial<Pauses> | null) : null;
  const addins = Object.entries(value?.addins ?? {}).filter(([, ms]) => Number.isSafeInteger(ms));
  const allSinceMs = Number.isSafeInteger(value?.allSinceMs) ? value!.allSinceMs! : null;
  return { allSinceMs, addins: Object.fromEntries(addins) };
}

/** `addin` null: everything, and resuming that ends every single pause as well. */
export async function setPause(
  stateDir: string,
  {
    addin,
    paused,
    nowMs,
  }: { readonly addin: string | null; readonly paused: boolean; readonly nowMs: number },
): Promise<Pauses> {
  const before = await readPauses(stateDir);
  const { [addin ?? '']: _, ...others } = before.addins;
  let after: Pauses;
  if (addin === null) after = paused ? { ...before, allSinceMs: before.allSinceMs ?? nowMs } : noPauses;
  else after = { ...before, addins: paused ? { ...others, [addin]: before.addins[addin] ?? nowMs } : others };
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await writeJsonFile(join(stateDir, 'paused.json'), after);
  return after;
}

export const isPaused = ({ allSinceMs, addins }: Pauses, addin: string): boolean =>
  allSinceMs !== null || Object.hasOwn(addins, addin);
