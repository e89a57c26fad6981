/**
 * When alarms were looked for and told last, so that a look every few minutes by a timer, or a restart, neither asks the
 * stores nor reminds people more often than a daemon does that never ends.
 */

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile } from './atomic-file.ts';

/** Instants; null where it never was. */
export interface AlarmRecord {
  readonly lookedAtMs: number | null;
  /** When somebody was reached last; null where nothing is overdue, or nobody was. */
  readonly toldAtMs: number | null;
  /** When somebody was reached last with word of a state that keeps runs from beginning. */
  readonly troubleToldAtMs: number | null;
}

const fileOf = (stateDir: string): string => join(stateDir, 'alarms.json');

/** All null where there is none, or none that can be read and understood: the next look is then due at once. */
export async function readAlarmRecord(stateDir: string): Promise<AlarmRecord> {
  const read = await readJsonFile(fileOf(stateDir)).catch(() => ({ broken: true }));
  const found = (('value' in read && read.value) || {}) as Partial<Record<keyof AlarmRecord, unknown>>;
  const { lookedAtMs, toldAtMs, troubleToldAtMs } = found;
  return {
    lookedAtMs: instant(lookedAtMs),
    toldAtMs: instant(toldAtMs),
    troubleToldAtMs: instant(troubleToldAtMs),
  };
}

const instant = (value: unknown): number | null => (Number.isSafeInteger(value) ? (value as number) : null);

/**
 * Over what is there: a full disk takes that, and alarms matter most then. One that is cut short reads as none.
 *
 * @throws a system error where the directory is not there, or a first record has no room
 */
export async function writeAlarmRecord(stateDir: string, record: AlarmRecord): Promise<void> {
  const { O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
  const file = await open(fileOf(stateDir), O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    const text = Buffer.from(`${JSON.stringify(record)}\n`);
    await file.write(text, 0, text.length, 0);
    await file.truncate(text.length);
  } finally {
    await file.close();
  }
}
