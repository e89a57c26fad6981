/**
 * The order of an account's snapshots: by sequence, not by clocks, as long as that has one. Pure.
 */

import type { RetainedSnapshot } from './types.ts';

/**
 * Oldest first. Sequences of two lineages do not compare; there time decides, which inside a lineage never
 * runs backwards: a snapshot counts as no older than the ones before it.
 */
export function chronological<S extends RetainedSnapshot>(snapshots: readonly S[]): S[] {
  const bySequence = [...snapshots].sort(
    (a, b) =>
      compare(a.lineage, b.lineage) ||
      (a.byTime === true ? 0 : a.sequence - b.sequence) ||
      a.atMs - b.atMs ||
      compare(a.id, b.id),
  );
  let lineage = '';
  let latestMs = Number.NEGATIVE_INFINITY;
  const timed = bySequence.map((snapshot) => {
    latestMs = snapshot.lineage === lineage ? Math.max(latestMs, snapshot.atMs) : snapshot.atMs;
    lineage = snapshot.lineage;
    return { snapshot, atMs: latestMs };
  });
  // Stable, so equal times keep the order of their lineage.
  return timed.sort((a, b) => a.atMs - b.atMs).map(({ snapshot }) => snapshot);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
