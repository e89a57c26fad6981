/**
 * What each addin configuration of this server committed last for each account, and which snapshots are its own.
 *
 * A cache for stores that can be read; for put-only credentials the only way to go on with a lineage.
 * One small file each, always whole.
 */

import { mkdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';
import type { Measures } from './measures.ts';
import { isLastSnapshot, isLockNote, isMeasures, isPlacedSnapshot } from './state-schemas.ts';

export interface LastSnapshot {
  readonly lineage: string;
  readonly sequence: number;
  readonly digest: string;
}

/** With the id of the store it was put in; null where that was never noted. */
export interface PlacedSnapshot extends LastSnapshot {
  readonly store: string | null;
}

export interface Lineage {
  readonly last: LastSnapshot;
  /** Id of the store that `last` was put in. */
  readonly store?: string | null;
  /** The last of each lineage before that of `last`, oldest first: a store that lists less than it has must not make them forgotten. */
  readonly former?: readonly PlacedSnapshot[];
  /** Ids of the account's snapshots that this configuration made, and that others made. */
  readonly own: readonly string[];
  readonly foreign: readonly string[];
  /** Of the newest snapshots, oldest first; null where they were never remembered. */
  readonly recent: readonly Measures[] | null;
  /** Null where the store locks nothing, or it was never noted. */
  readonly locks?: LockNote | null;
}

/** From which snapshot of its lineage on all were locked by the same rules. */
export interface LockNote {
  readonly rules: string;
  readonly sequence: number;
}

export interface RememberedLineage extends Required<Lineage> {
  /** The commit of another snapshot began after `last`, and nothing is known of its end. */
  readonly inDoubt: boolean;
}

/** A lineage begins where the history of an account is gone, or seems so. */
const mostFormer = 16;

const fileOf = (stateDir: string, addinId: string, owner: string): string =>
  join(stateDir, 'lineages', addinId, `${owner}.json`);

/** Null where nothing is remembered, or what is there cannot be understood. */
export async function readLineage(
  stateDir: string,
  addinId: string,
  owner: string,
): Promise<RememberedLineage | null> {
  const read = await readJsonFile(fileOf(stateDir, addinId, owner));
  const file = 'value' in read ? read.value : null;
  if (!isLastSnapshot(file)) return null;
  const { lineage, sequence, digest, store, former, recent } = file;
  return {
    last: { lineage, sequence, digest },
    store: typeof store === 'string' ? store : null,
    former: Array.isArray(former) ? former.filter(isPlacedSnapshot) : [],
    own: idsOf(file['own']),
    foreign: idsOf(file['foreign']),
    recent: Array.isArray(recent) ? recent.filter(isMeasures) : null,
    inDoubt: file['inDoubt'] === true,
    locks: isLockNote(file['locks']) ? file['locks'] : null,
  };
}

/** The lineages of every account that this configuration ever backed up, by the account's UUID. */
export async function readLineages(
  stateDir: string,
  addinId: string,
): Promise<ReadonlyMap<string, RememberedLineage>> {
  const names = await readdir(join(stateDir, 'lineages', addinId)).catch((): string[] => []);
  const found = new Map<string, RememberedLineage>();
  for (const name of names.filter((one) => one.endsWith('.json') && !one.startsWith('.'))) {
    const owner = name.slice(0, -'.json'.length);
    const lineage = await readLineage(stateDir, addinId, owner);
    if (lineage !== null) found.set(owner, lineage);
  }
  return found;
}

/** The last snapshot of each of them. */
export async function readLastSnapshots(
  stateDir: string,
  addinId: string,
): Promise<ReadonlyMap<string, LastSnapshot>> {
  const lineages = await readLineages(stateDir, addinId);
  return new Map([...lineages].map(([owner, { last }]) => [owner, last]));
}

/** `former` once a snapshot of `lineage` has been made after what is remembered: the newest few. */
export function formerOf(remembered: RememberedLineage | null, lineage: string): readonly PlacedSnapshot[] {
  if (remembered === null) return [];
  const { last, store, former } = remembered;
  return [...former, { ...last, store }].filter((one) => one.lineage !== lineage).slice(-mostFormer);
}

const idsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((id): id is string => typeof id === 'string') : [];

/** @param durable false where the store can be asked instead: a file that is cut short counts as none */
export async function rememberLineage(
  stateDir: string,
  addinId: string,
  owner: string,
  remembered: Lineage & Partial<RememberedLineage>,
  durable: boolean,
): Promise<void> {
  mkdirSync(join(stateDir, 'lineages', addinId), { recursive: true, mode: 0o700 });
  const { last, store = null, former = [], own, foreign, recent, inDoubt = false, locks = null } = remembered;
  const { lineage, sequence, digest } = last;
  const notes = {
    ...(former.length > 0 ? { former } : {}),
    ...(inDoubt ? { inDoubt } : {}),
    ...(locks === null ? {} : { locks }),
  };
  const file = { lineage, sequence, digest, store, own, foreign, recent, ...notes };
  await writeJsonFile(fileOf(stateDir, addinId, owner), file, { durable });
}

/** Durably, until `rememberLineage`; nothing where no lineage is remembered, so that the next backup begins one anyway. */
export async function doubtLineage(stateDir: string, addinId: string, owner: string): Promise<void> {
  const remembered = await readLineage(stateDir, addinId, owner);
  if (remembered === null || remembered.inDoubt) return;
  await rememberLineage(stateDir, addinId, owner, { ...remembered, inDoubt: true }, true);
}

/** The next backup of the account begins a new lineage. */
export const forgetLineage = (stateDir: string, addinId: string, owner: string): Promise<void> =>
  rm(fileOf(stateDir, addinId, owner), { force: true });
