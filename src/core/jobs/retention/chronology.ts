/**
 * The order of an account's snapshots: by sequence, not by clocks, as long as that has one. Pure.
 */

import { isAhead } from '../../ahead.ts';
import type { RetainedSnapshot } from './types.ts';

/**
 * Oldest first. Sequences of two lineages do not compare; there time decides, which inside a lineage never
 * runs backwards: a snapshot counts as no older than the ones before it. One that is dated ahead of the clock counts as of
 * the time of the ones before it, and as older than all others where there are none.
 */
export function chronological<S extends RetainedSnapshot>(snapshots: readonly S[], nowMs: number): S[] {
  const bySequence = [...snapshots].sort(
    (a, b) =>
      compare(a.lineage, b.lineage) ||
      (a.byTime === true ? 0 : a.sequence - b.sequence) ||
      a.atMs - b.atMs ||
      compare(a.id, b.id),
  );
  let lineage = '';
  let [placeMs, latestMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const timed = bySequence.map((snapshot) => {
    const { atMs } = snapshot;
    if (snapshot.lineage !== lineage) placeMs = latestMs = Number.NEGATIVE_INFINITY;
    lineage = snapshot.lineage;
    if (!isAhead(atMs, nowMs)) placeMs = Math.max(placeMs, atMs);
    latestMs = Math.max(latestMs, atMs);
    return { snapshot, placeMs, latestMs };
  });
  // Stable, so equal times keep the order of their lineage.
  timed.sort((a, b) => compare(a.placeMs, b.placeMs) || compare(a.latestMs, b.latestMs));
  return timed.map(({ snapshot }) => snapshot);
}

const compare = <T extends string | number>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);
