/**
 * What each addin configuration of this server committed last for each account, and which snapshots are its own.
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

export interface Lineage {
  readonly last: LastSnapshot;
  /** Ids of the account's snapshots that this configuration made, and that others made. */
  readonly own: readonly string[];
  readonly foreign: readonly string[];
}

const fileOf = (stateDir: string, addinId: string, owner: string): string =>
  join(stateDir, 'lineages', addinId, `${owner}.json`);

/** Null where nothing is remembered, or what is there cannot be understood. */
export async function readLineage(stateDir: string, addinId: string, owner: string): Promise<Lineage | null> {
  const read = await readJsonFile(fileOf(stateDir, addinId, owner));
  const file = 'value' in read ? (read.value as Partial<LastSnapshot & Lineage> | null) : null;
  const { lineage, sequence, digest } = file ?? {};
  const valid = typeof lineage === 'string' && Number.isSafeInteger(sequence) && typeof digest === 'string';
  if (!valid) return null;
  return {
    last: { lineage, sequence: sequence!, digest },
    own: idsOf(file?.own),
    foreign: idsOf(file?.foreign),
  };
}

const idsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((id): id is string => typeof id === 'string') : [];

export async function rememberLineage(
  stateDir: string,
  addinId: string,
  owner: string,
  { last, own, foreign }: Lineage,
): Promise<void> {
  await mkdir(join(stateDir, 'lineages', addinId), { recursive: true, mode: 0o700 });
  const { lineage, sequence, digest } = last;
  await writeJsonFile(fileOf(stateDir, addinId, owner), { lineage, sequence, digest, own, foreign });
}
