/**
 * Manifests that a later revision has replaced, and when they may go.
 *
 * Not before the later one has been there for the grace period: somebody may be reading. And not while a server
 * that can only put, and so does not see revisions, may still refer to what they name: the newest snapshot, the
 * newest complete one and the newest full are what a next one refers to.
 *
 * What has lost something replaces nothing: the earlier one says what was lost, and a copy may have it still.
 */

import { hasLost } from '../has-lost.ts';
import type { ReadManifest } from './survey.ts';
import type { StoredKey } from './types.ts';

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

export function replacedManifests(
  manifests: readonly ReadManifest[],
  newest: readonly ReadManifest[],
  graceFromMs: number,
): StoredKey[] {
  const byId = new Map(newest.map((one) => [one.snapshot.header.id, one]));
  const parents = nextParents(newest);
  return manifests
    .filter((one) => {
      const last = byId.get(one.snapshot.header.id)!;
      return (
        last !== one &&
        !hasLost(last.snapshot) &&
        last.stored.modifiedAtMs < graceFromMs &&
        !parents.has(last)
      );
    })
    .map(({ stored }) => stored);
}

/** What the next backup of an addin configuration may refer to. */
function nextParents(newest: readonly ReadManifest[]): ReadonlySet<ReadManifest> {
  const parents = new Set<ReadManifest>();
  for (const lane of Map.groupBy(newest, ({ snapshot }) => snapshot.header.addin.id).values()) {
    const ordered = [...lane].sort(byCommit);
    const last = [
      ordered.at(-1),
      ordered.findLast(({ snapshot }) => snapshot.header.state === 'complete'),
      ordered.findLast(({ snapshot }) => snapshot.header.level === 'full'),
    ];
    for (const one of last) if (one !== undefined) parents.add(one);
  }
  return parents;
}

function byCommit(
  { snapshot: { header: a } }: ReadManifest,
  { snapshot: { header: b } }: ReadManifest,
): number {
  return a.committedAt < b.committedAt ? -1 : a.committedAt > b.committedAt ? 1 : a.sequence - b.sequence;
}
