/**
 * Which objects of an account are worth rewriting. Pure.
 *
 * Segments that a kept full needs are left alone: tar alone must restore a full. They come up for rewriting
 * once no full that needs them is kept.
 */

import type { AccountScan } from './scan.ts';
import type { SparseObject } from './types.ts';

/** An index that would give back less than this stays: each rewrite makes manifests and requests. */
const leastIndexBytes = 256 * 1024;
/** Living ranges that are moved in one run of an account, at most: each is held in memory. */
const mostRanges = 2_000_000;

export interface Choice {
  readonly objects: readonly SparseObject[];
  readonly rewriteBytes: number;
  /** More would be worth it than the budget lets. */
  readonly budgetSpent: boolean;
}

/** The sparsest first, as far as `budgetBytes` reach; null: as far as memory does. */
export function chooseSparse(
  { segments, indexes, held }: AccountScan,
  { threshold, budgetBytes }: { readonly threshold: number; readonly budgetBytes: number | null },
): Choice {
  const sparse: (SparseObject & { readonly ranges: number })[] = [];
  for (const { row, live } of segments.values()) {
    const total = row.frames.reduce((sum, { plain }) => sum + plain, 0);
    if (total === 0 || held.has(row.key)) continue;
    const liveShare = 1 - live.deadBytes(total) / total;
    if (liveShare >= threshold) continue;
    const { key, storedBytes } = row;
    const { liveBytes: rewriteBytes, count: ranges } = live;
    sparse.push({ key, kind: 'segment', storedBytes, liveShare, rewriteBytes, ranges });
  }
  for (const { key, storedBytes, liveBytes } of indexes.values()) {
    const liveShare = Math.min(1, liveBytes / storedBytes);
    if (held.has(key) || liveShare >= threshold || storedBytes - liveBytes < leastIndexBytes) continue;
    sparse.push({ key, kind: 'index', storedBytes, liveShare, rewriteBytes: liveBytes, ranges: 0 });
  }
  sparse.sort((a, b) => a.liveShare - b.liveShare || (a.key < b.key ? -1 : 1));
  const objects: SparseObject[] = [];
  let [rewriteBytes, ranges] = [0, 0];
  for (const { ranges: own, ...object } of sparse) {
    const bytes = rewriteBytes + object.rewriteBytes;
    if ((budgetBytes !== null && bytes > budgetBytes) || ranges + own > mostRanges) continue;
    objects.push(object);
    rewriteBytes = bytes;
    ranges += own;
  }
  return { objects, rewriteBytes, budgetSpent: objects.length < sparse.length };
}
