/**
 * What a store has of an account beyond the manifests that it lists.
 *
 * Numbers tell of what is missing between two snapshots, not of the newest ones, nor of revisions. What tells of those is an
 * index object that no manifest names: it is stored last but for the manifest, so few backups that were cut short leave one, and
 * what prune removed was named by a manifest of then, or is in an event. Found among the lists of index objects, one request
 * for a thousand; all else is asked only where there is such an object.
 * docs/decisions/0044-what-a-store-does-not-list.md.
 */

import {
  highestRevision,
  type ManifestName,
  manifestKey,
  parseManifestKey,
  parseObjectKey,
} from '../../archive/keys.ts';
import type { ObjectInfo } from '../../contracts/store.ts';
import { eachLimited } from '../each-limited.ts';
import { Erasures } from '../erasures.ts';
import { readPruned } from '../prune-events.ts';
import { type KeyGroup, walkOwners } from '../walk.ts';
import { type DamagedManifest, keysOf, prefixesOf, type ReadManifest } from './read-group.ts';
import type { PruneRequest } from './types.ts';

export interface OwnerGroup extends KeyGroup {
  /** Index objects of the account; of those that are not asked about none. */
  readonly indexes: readonly ObjectInfo[];
}

const headsAtOnce = 8;

/** Manifests and index objects are listed in the same order of accounts, so memory holds both of one account only. */
export async function* withIndexes(
  request: PruneRequest,
  groups: AsyncIterable<KeyGroup>,
): AsyncGenerator<OwnerGroup> {
  const others = indexGroups(request);
  let next = await others.next();
  for await (const group of groups) {
    while (next.value !== undefined && placeOf(next.value) < placeOf(group)) next = await others.next();
    const found = next.value;
    const isTheirs = found !== undefined && placeOf(found) === placeOf(group);
    yield { ...group, indexes: isTheirs ? found.objects : [] };
  }
}

async function* indexGroups(request: PruneRequest): AsyncGenerator<KeyGroup, undefined, undefined> {
  for (const prefix of prefixesOf(request, 'index').sort())
    yield* walkOwners(request.store, prefix, request.signal);
}

/** With its last slash, as keys have it: so names of any length compare as keys do. */
const placeOf = ({ server, owner }: KeyGroup): string => `${server}/${owner}/`;

export interface Unlisted {
  readonly message: string;
  /** The store was asked for it by name, and has it. */
  readonly isThere?: true;
}

/** Of one account. */
export interface Listed {
  readonly group: OwnerGroup;
  /** All that could be read. */
  readonly manifests: readonly ReadManifest[];
  /** Those whose word counts: the highest revision of each snapshot. */
  readonly newest: readonly ReadManifest[];
  /** The others. */
  readonly damaged: readonly DamagedManifest[];
  /** What the store got after this instant may be of a backup under way. */
  readonly graceFromMs: number;
  /** The server that made them all says that none is missing: what no manifest names was left over. */
  readonly isKnown: boolean;
}

/**
 * What the store must have and does not list, in words for people. Null where it lists all, for all that can be known.
 *
 * @param request its `trust` says whose events count
 * @throws STORE_UNAVAILABLE, STORE_DENIED
 */
export async function unlistedOf(
  request: PruneRequest,
  { group, manifests, newest, damaged, graceFromMs, isKnown }: Listed,
): Promise<Unlisted | null> {
  const named = new Set(manifests.flatMap(({ snapshot }) => keysOf(snapshot)));
  const unnamed = group.indexes.filter(({ key }) => parseObjectKey(key) !== null && !named.has(key));
  if (unnamed.length === 0) return null;
  const names = group.objects.map(({ key }) => parseManifestKey(key)).filter((name) => name !== null);
  const [revision] = await unlistedRevisions(request, names);
  if (revision !== undefined) {
    return { message: `the store has ${revision} and does not list it`, isThere: true };
  }
  if (isKnown) return null;
  const ids = new Set(names.map(({ id }) => id));
  const sinceMs = earliestUnknown(manifests, newest);
  const unexplained = unnamed.filter(
    ({ key, modifiedAtMs }) =>
      modifiedAtMs < graceFromMs && modifiedAtMs >= sinceMs && !ids.has(snapshotOf(key)),
  );
  if (unexplained.length === 0) return null;
  const { server, owner } = group;
  const { removed } = await readPruned({ ...request, server, owner });
  const gone = new Set(removed.map(({ id }) => id));
  for (const id of await new Erasures(request).ids(server, owner)) gone.add(id);
  const anew = new Set(removed.flatMap(({ indexes = [] }) => indexes));
  const isGone = (key: string): boolean => gone.has(snapshotOf(key)) || anew.has(objectIdOf(key));
  const left = unexplained.filter(({ key }) => !isGone(key));
  // Each damaged revision may have had one of its own; nobody knows which.
  const ofDamaged = damaged.filter(({ key }) => (parseManifestKey(key)?.revision ?? 0) > 0).length;
  const first = left[ofDamaged];
  if (first === undefined) return null;
  const message = `there is ${first.key}, which no manifest names, and no event says why: the newest snapshots may not be listed, or a backup was cut short at its very end`;
  return { message };
}

const objectIdOf = (indexKey: string): string => parseObjectKey(indexKey)!.objectId;
const snapshotOf = (indexKey: string): string => objectIdOf(indexKey).slice(0, 12);

/**
 * What was stored before the newest snapshot of each lineage is none that is missing: its number would be. Of several clocks the
 * one that is behind, and whole seconds, as some stores have them: what is of the same second may be later.
 */
function earliestUnknown(manifests: readonly ReadManifest[], newest: readonly ReadManifest[]): number {
  const times = [...Map.groupBy(newest, ({ snapshot }) => snapshot.header.lineage).values()].flatMap(
    (all) => {
      const last = all.reduce((a, b) => (b.snapshot.header.sequence > a.snapshot.header.sequence ? b : a));
      const { id } = last.snapshot.header;
      const revisions = manifests.filter(({ snapshot }) => snapshot.header.id === id);
      return revisions.flatMap(({ snapshot: { header }, stored }) => {
        const { committedAt, storeClockAt } = header;
        return [stored.modifiedAtMs, Date.parse(committedAt), Date.parse(storeClockAt ?? committedAt)];
      });
    },
  );
  return times.length === 0 ? Number.NEGATIVE_INFINITY : Math.floor(Math.min(...times) / 1000) * 1000;
}

/** Keys of revisions, above those that are listed, which are there all the same: they name what nothing else does. */
async function unlistedRevisions(
  { store, signal }: PruneRequest,
  names: readonly ManifestName[],
): Promise<readonly string[]> {
  const highest = [...Map.groupBy(names, ({ id }) => id).values()].map((all) =>
    all.reduce((a, b) => (b.revision > a.revision ? b : a)),
  );
  const keys = highest
    .filter(({ revision }) => revision < highestRevision)
    .flatMap((name) =>
      (['complete', 'partial'] as const).map((state) =>
        manifestKey({ ...name, state, revision: name.revision + 1 }),
      ),
    );
  const found: string[] = [];
  await eachLimited(keys, headsAtOnce, async (key) => {
    if ((await store.head({ key, signal })) !== null) found.push(key);
  });
  return found.sort();
}
