/**
 * Recipients whose identity somebody has shown to hold, so that runs need not warn of backups nobody could open.
 *
 * Public halves only. A lost file costs a warning.
 */

import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';

const fileOf = (stateDir: string): string => join(stateDir, 'kept-identities.json');

/** `age1…` with the instant, ISO 8601, at which its identity was shown. */
export async function keptIdentities(stateDir: string): Promise<ReadonlyMap<string, string>> {
  const read = await readJsonFile(fileOf(stateDir));
  const kept = 'value' in read ? (read.value as { recipients?: unknown } | null)?.recipients : null;
  if (typeof kept !== 'object' || kept === null) return new Map();
  return new Map(Object.entries(kept).filter((one): one is [string, string] => typeof one[1] === 'string'));
}

/** The state directory must exist. Safe to repeat. */
export async function rememberKept(
  stateDir: string,
  recipients: readonly string[],
  nowMs: number,
): Promise<void> {
  const kept = new Map(await keptIdentities(stateDir));
  for (const recipient of recipients) kept.set(recipient, new Date(nowMs).toISOString());
  await writeJsonFile(fileOf(stateDir), { version: 1, recipients: Object.fromEntries(kept) });
}
