/**
 * When the upkeep of each addin configuration was done last, so that runs of every night need not do it each time.
 *
 * One small file, `upkeep/<name>.json`, for each; a lost or damaged one means that it is due.
 */

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';

const fileOf = (stateDir: string, addin: string): string => join(stateDir, 'upkeep', `${addin}.json`);

/** Milliseconds since the Unix epoch; null where it never was, as far as is known. */
export async function lastUpkeep(stateDir: string, addin: string): Promise<number | null> {
  const read = await readJsonFile(fileOf(stateDir, addin)).catch(() => null);
  if (read === null || !('value' in read)) return null;
  const doneAtMs = (read.value as { doneAtMs?: unknown } | null)?.doneAtMs;
  return Number.isSafeInteger(doneAtMs) ? (doneAtMs as number) : null;
}

/** @throws a system error where the state cannot be written; the upkeep is then due again */
export async function rememberUpkeep(stateDir: string, addin: string, doneAtMs: number): Promise<void> {
  const path = fileOf(stateDir, addin);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeJsonFile(path, { doneAtMs });
}
