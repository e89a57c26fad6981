/**
 * Manifests that a later revision has replaced, and when they may go.
 *
 * Not before the later one has been there for the grace period: somebody may be reading. And not while a server
 * that can only put, and so does not see revisions, may still refer to what they name: the newest snapshot, the
 * newest complete one and the newest full of its lineage are what a next one refers to.
 *
 * What has lost something replaces nothing: the earlier one says what was lost, and a copy may have it still. Nor does what
 * names an object of its own that is not there, as a job leaves it that could not take its revision back.
 */

import { parseManifestKey } from '../../archive/keys.ts';
import type { ObjectRef } from '../../archive/manifest.ts';
import { goneAmong } from '../gone-objects.ts';
import { hasLost } from '../has-lost.ts';
import type { DamagedManifest, ReadManifest } from './read-group.ts';
import type { PruneRequest, StoredKey } from './types.ts';

/** In the order of their keys. */
export function newestRevisions(manifests: readonly ReadManifest[]): ReadManifest[] {
  const newest = new Map<string, ReadManifest>();
  for (const one of manifests) {
    const { id } = one.snapshot.header;
    const known = newest.get(id);
    if (known === undefined || isLater(one, known)) newest.set(id, one);
  }
  return [...newest.values()].sort((a, b) => (a.stored.key < b.stored.key ? -1 : 1));
}

/** Of two of one number, which only a race can make, the one that says what is lost: its key is the greater. */
function isLater(one: ReadManifest, other: ReadManifest): boolean {
  const more = one.snapshot.header.revision - other.snapshot.header.revision;
  return more > 0 || (more === 0 && one.stored.key > other.stored.key);
}

/** Asks the store for what the later ones name besides, once. @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function replacedManifests(
  place: Pick<PruneRequest, 'store' | 'signal'>,
  manifests: readonly ReadManifest[],
  newest: readonly ReadManifest[],
  graceFromMs: number,
): Promise<StoredKey[]> {
  const byId = new Map(newest.map((one) => [one.snapshot.header.id, one]));
  const parents = nextParents(newest);
  const replaced = manifests.flatMap((one) => {
    const last = byId.get(one.snapshot.header.id)!;
    const isReplaced =
      last !== one && !hasLost(last.snapshot) && last.stored.modifiedAtMs < graceFromMs && !parents.has(last);
    return isReplaced ? [{ stored: one.stored, besides: namedBesides(last, one) }] : [];
  });
  const asked = new Map(replaced.flatMap(({ besides }) => besides.map((ref) => [ref.key, ref] as const)));
  const gone = await goneAmong([...asked.values()], place);
  return replaced
    .filter(({ besides }) => besides.every(({ key }) => !gone.has(key)))
    .map(({ stored }) => stored);
}

const namedBy = ({ snapshot: { header } }: ReadManifest): readonly ObjectRef[] => [
  ...header.objects,
  ...header.references,
];

/** What the one names and the other does not. */
function namedBesides(one: ReadManifest, other: ReadManifest): readonly ObjectRef[] {
  const known = new Set(namedBy(other).map(({ key }) => key));
  return namedBy(one).filter(({ key }) => !known.has(key));
}

/**
 * Damaged revisions below one that has everything. What they name that nothing else does was for them alone to refer to; but
 * of a first one, which is what a server knows that can only put, the above holds.
 */
export function replacedDamage(
  damaged: readonly DamagedManifest[],
  newest: readonly ReadManifest[],
  graceFromMs: number,
): DamagedManifest[] {
  const parents = nextParents(newest);
  return damaged.filter(({ key, code }) => {
    const name = parseManifestKey(key);
    if (name === null || code !== 'OBJECT_DAMAGED') return false;
    const last = newest.find(({ stored }) => {
      const other = parseManifestKey(stored.key);
      return (['id', 'sequence', 'atMs', 'level'] as const).every((part) => other?.[part] === name[part]);
    });
    return (
      last !== undefined &&
      last.snapshot.header.revision > name.revision &&
      !hasLost(last.snapshot) &&
      last.stored.modifiedAtMs < graceFromMs &&
      (name.revision > 0 || !parents.has(last))
    );
  });
}

/**
 * What the next backup of any lineage may refer to. Which lineages go on nobody knows here, and the server's clock may have been
 * wrong: its numbers say what came last. They do not where it was put back and gives them twice; there time does.
 */
function nextParents(newest: readonly ReadManifest[]): ReadonlySet<ReadManifest> {
  const parents = new Set<ReadManifest>();
  for (const lineage of Map.groupBy(newest, lineageOf).values()) {
    for (const order of [bySequence, byCommit]) {
      const ordered = [...lineage].sort(order);
      const last = [
        ordered.at(-1),
        ordered.findLast(({ snapshot }) => snapshot.header.state === 'complete'),
        ordered.findLast(({ snapshot }) => snapshot.header.level === 'full'),
      ];
      for (const one of last) if (one !== undefined) parents.add(one);
    }
  }
  return parents;
}

const lineageOf = ({ snapshot: { header } }: ReadManifest): string => `${header.addin.id}/${header.lineage}`;

const bySequence = (a: ReadManifest, b: ReadManifest): number =>
  a.snapshot.header.sequence - b.snapshot.header.sequence;

function byCommit(a: ReadManifest, b: ReadManifest): number {
  const [one, other] = [a.snapshot.header.committedAt, b.snapshot.header.committedAt];
  return one < other ? -1 : one > other ? 1 : bySequence(a, b);
}
