/**
 * Many manifests at once: of a list, and the newest of every owner in it.
 *
 * One that is damaged stops nothing; one that stays locked says why.
 */

import { identityMissing } from '../core/archive/locked-body.ts';
import { type HoldfastError, isHoldfastError } from '../core/errors.ts';
import {
  type AnySnapshot,
  type ListedSnapshot,
  readSoundSnapshot,
  type Snapshot,
} from '../core/jobs/catalog.ts';
import { aheadOf, newestCandidates, newestOf } from '../core/jobs/newest-snapshot.ts';
import type { Search } from './search.ts';

type Reading = Pick<Search, 'provider' | 'trust' | 'nowMs' | 'signal'>;

export interface ReadResult {
  readonly listed: ListedSnapshot;
  /** Perhaps locked. */
  readonly snapshot: AnySnapshot | null;
  /** OBJECT_DAMAGED, OBJECT_MISSING or FORMAT_UNSUPPORTED where it could not be read. */
  readonly error: HoldfastError | null;
}

const damage: readonly string[] = ['OBJECT_DAMAGED', 'OBJECT_MISSING', 'FORMAT_UNSUPPORTED'];

/** All manifests, several at a time, in the order of the list. A damaged one stops nothing. */
export async function readEach(
  { provider, trust, signal }: Reading,
  listed: readonly ListedSnapshot[],
): Promise<ReadResult[]> {
  const results: ReadResult[] = [];
  let next = 0;
  const reader = async (): Promise<void> => {
    for (let i = next++; i < listed.length; i = next++) {
      const one = listed[i]!;
      try {
        results[i] = {
          listed: one,
          snapshot: await readSoundSnapshot(provider, one, signal, trust),
          error: null,
        };
      } catch (error) {
        if (!isHoldfastError(error) || !damage.includes(error.code)) throw error;
        results[i] = { listed: one, snapshot: null, error };
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, reader));
  return results;
}

export interface Unreadable {
  readonly key: string;
  readonly owner: string;
  /** Why: what it is, or what keeps it locked. */
  readonly error: HoldfastError;
  /** Where it is sound but for the key. */
  readonly locked?: AnySnapshot;
}

/** The newest snapshot of every owner; instead of it what is damaged or locked, where that may be the newest. */
export async function readNewestOfEach(
  reading: Reading,
  listed: readonly ListedSnapshot[],
): Promise<{
  readonly snapshots: readonly Snapshot[];
  readonly damaged: readonly Unreadable[];
}> {
  const { nowMs = Number.POSITIVE_INFINITY } = reading;
  const owners = [...Map.groupBy(listed, ({ owner }) => owner).values()];
  const candidates = owners.flatMap((ofOwner) => newestCandidates(ofOwner, nowMs));
  const read = await readEach(reading, candidates);
  const snapshots: Snapshot[] = [];
  const damaged: Unreadable[] = [];
  for (const results of Map.groupBy(read, ({ listed }) => listed.owner).values()) {
    const bad = results.flatMap(({ listed, error }) =>
      error === null ? [] : [{ key: listed.key, owner: listed.owner, error }],
    );
    damaged.push(...bad);
    const found = results.flatMap(({ snapshot }) => (snapshot === null ? [] : [snapshot]));
    const newest = newestOf(found, nowMs);
    if (bad.length > 0 || newest === null) continue;
    const { body, header, lockedBy, key } = newest;
    if (body !== null) snapshots.push({ ...newest, body, ahead: aheadOf(newest, found, nowMs) });
    else {
      const error = lockedBy ?? identityMissing(`manifest ${key}`);
      damaged.push({ key, owner: header.owner, error, locked: newest });
    }
  }
  return { snapshots, damaged };
}
