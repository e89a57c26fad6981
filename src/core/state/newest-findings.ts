/**
 * What this server wrote last of each account and what looked wrong about it, in one file for each addin
 * configuration, so that `status` opens one instead of thousands.
 *
 * Written when a run ends. An account whose newest snapshot it does not have is looked up elsewhere: after a run that was
 * killed, or a lost file, that takes longer and nothing else.
 */

import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';
import { isNewestFindings } from './state-schemas.ts';

export interface NewestFindings {
  /** Twelve hex digits of the snapshot. */
  readonly id: string;
  /** Of its manifest; absent in what earlier releases wrote. */
  readonly key?: string;
  /** The same of the last complete one; absent where none is known. */
  readonly completeKey?: string;
  /** Id of the run that made it. */
  readonly run?: string;
  /** How long it took; absent where a clock went back meanwhile. */
  readonly durationMs?: number;
  readonly findings: readonly { readonly code: string; readonly message: string }[];
}

const fileOf = (stateDir: string, addinId: string): string => join(stateDir, 'newest', `${addinId}.json`);

/** By the account's UUID; empty where there is no file, or none that can be understood. */
export async function readNewestFindings(
  stateDir: string,
  addinId: string,
): Promise<ReadonlyMap<string, NewestFindings>> {
  const read = await readJsonFile(fileOf(stateDir, addinId));
  const owners = 'value' in read ? (read.value as { owners?: unknown } | null)?.owners : null;
  if (typeof owners !== 'object' || owners === null) return new Map();
  const found = Object.entries(owners as Record<string, unknown>);
  return new Map(found.flatMap(([owner, value]) => (isNewestFindings(value) ? [[owner, value]] : [])));
}

/** By id of the addin configuration, then as `readNewestFindings`. */
export type AllNewest = ReadonlyMap<string, ReadonlyMap<string, NewestFindings>>;

export async function readAllNewest(stateDir: string): Promise<AllNewest> {
  const names = await readdir(join(stateDir, 'newest')).catch((): string[] => []);
  const found = new Map<string, ReadonlyMap<string, NewestFindings>>();
  for (const name of names.filter((one) => one.endsWith('.json') && !one.startsWith('.'))) {
    const id = name.slice(0, -5);
    found.set(id, await readNewestFindings(stateDir, id));
  }
  return found;
}

/**
 * Keys of manifests that this server wrote itself: of each account the newest and the last complete one of each
 * configuration. What a store lists under another key somebody else may have put there.
 */
export function writtenManifests(newest: AllNewest): ReadonlySet<string> {
  const found = new Set<string>();
  for (const owners of newest.values()) {
    for (const { key, completeKey } of owners.values()) {
      if (key !== undefined) found.add(key);
      if (completeKey !== undefined) found.add(completeKey);
    }
  }
  return found;
}

/** Adds to what is there; where the newest is partial, the complete one before it stays known. Safe to repeat. */
export async function rememberNewestFindings(
  stateDir: string,
  addinId: string,
  newest: ReadonlyMap<string, NewestFindings>,
): Promise<void> {
  if (newest.size === 0) return;
  const merged = new Map(await readNewestFindings(stateDir, addinId));
  for (const [owner, one] of newest) {
    const completeKey = one.completeKey ?? merged.get(owner)?.completeKey;
    merged.set(owner, { ...one, ...(completeKey === undefined ? {} : { completeKey }) });
  }
  const path = fileOf(stateDir, addinId);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeJsonFile(path, { version: 1, owners: Object.fromEntries(merged) });
}
