/**
 * When alarms were looked for and told last, so that a look every few minutes by a timer, or a restart, neither asks the
 * stores nor reminds people more often than a daemon does that never ends.
 */

import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';

export interface AlarmRecord {
  readonly lookedAtMs: number;
  /** When somebody was reached last; null where nothing is overdue, or nobody was. */
  readonly toldAtMs: number | null;
}

const fileOf = (stateDir: string): string => join(stateDir, 'alarms.json');

/** Null where there is none, or none that can be understood: the next look is then due at once. */
export async function readAlarmRecord(stateDir: string): Promise<AlarmRecord | null> {
  const read = await readJsonFile(fileOf(stateDir));
  const { lookedAtMs, toldAtMs } = (('value' in read && read.value) || {}) as Partial<AlarmRecord>;
  const isInstant = (value: unknown): value is number => Number.isSafeInteger(value);
  if (!isInstant(lookedAtMs)) return null;
  return { lookedAtMs, toldAtMs: isInstant(toldAtMs) ? toldAtMs : null };
}

/** The directory must be there. */
export const writeAlarmRecord = (stateDir: string, record: AlarmRecord): Promise<boolean> =>
  writeJsonFile(fileOf(stateDir), record);
