/** A snapshot as retention judges it, and a decision that a hindrance turns. Pure. */

import { parseObjectKey } from '../../archive/keys.ts';
import { measuresOf } from '../findings/measures.ts';
import { retainedOf } from '../retention/retained.ts';
import type { Decision } from '../retention/types.ts';
import type { ReadManifest } from './read-group.ts';
import type { PrunableSnapshot } from './types.ts';

export function spared(decision: Decision<PrunableSnapshot>, why: string): Decision<PrunableSnapshot> {
  if (decision.keep || decision.erased === true) return decision;
  return { ...decision, keep: true, reasons: [`prune refuses: ${why}`] };
}

/** @param forked lineages of which numbers were given twice */
export function prunable(
  { snapshot }: ReadManifest,
  manifests: readonly ReadManifest[],
  forked: ReadonlySet<string>,
): PrunableSnapshot {
  const { header, body, name, key } = snapshot;
  const revisions = manifests.filter((one) => one.snapshot.header.id === header.id);
  return {
    ...retainedOf(snapshot),
    ...(forked.has(header.lineage) ? { byTime: true } : {}),
    ...{ digest: header.digest, name, key },
    committedMs: Date.parse(header.committedAt),
    measures: body === null ? null : measuresOf(header, body),
    indexes: indexesOf(revisions),
    manifests: revisions
      .sort((a, b) => a.snapshot.header.revision - b.snapshot.header.revision)
      .map(({ stored: { key: of, version, sizeBytes } }) => ({ key: of, version, sizeBytes })),
  };
}

/** Its first one begins with its own id. */
function indexesOf(revisions: readonly ReadManifest[]): string[] {
  const ids = revisions.flatMap(({ snapshot: { header } }) =>
    header.objects
      .filter(({ kind }) => kind === 'index')
      .map(({ key }) => parseObjectKey(key)?.objectId ?? header.id)
      .filter((id) => !id.startsWith(header.id)),
  );
  return [...new Set(ids)];
}
