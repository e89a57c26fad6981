/**
 * The last snapshot of each account and addin configuration that this server committed.
 *
 * A cache for stores that can be read; for put-only credentials the only way to go on with a lineage.
 * One small file each, always whole.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';

export interface LastSnapshot {
  readonly lineage: string;
  readonly sequence: number;
  readonly digest: string;
}

const fileOf = (stateDir: string, addinId: string, owner: string): string =>
  join(stateDir, 'lineages', addinId, `${owner}.json`);

/** Null where nothing is remembered, or what is there cannot be understood. */
export async function readLastSnapshot(
  stateDir: string,
  addinId: string,
  owner: string,
): Promise<LastSnapshot | null> {
  const read = await readJsonFile(fileOf(stateDir, addinId, owner));
  const last = 'value' in read ? (read.value as Partial<LastSnapshot> | null) : null;
  const { lineage, sequence, digest } = last ?? {};
  const valid = typeof lineage === 'string' && Number.isSafeInteger(sequence) && typeof digest === 'string';
  return valid ? { lineage, sequence: sequence!, digest } : null;
}

export async function rememberLastSnapshot(
  stateDir: string,
  addinId: string,
  owner: string,
  last: LastSnapshot,
): Promise<void> {
  await mkdir(join(stateDir, 'lineages', addinId), { recursive: true, mode: 0o700 });
  const { lineage, sequence, digest } = last;
  await writeJsonFile(fileOf(stateDir, addinId, owner), { lineage, sequence, digest });
}
