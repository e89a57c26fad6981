/**
 * Which objects of an account are worth rewriting. Pure.
 *
 * Segments that a kept full needs are left alone: tar alone must restore a full. They come up for rewriting
 * once no full that needs them is kept, and what holds something that is marked as lost
 * once no snapshot says so. What saves nothing on the whole is left alone too.
 */

import { Saving } from './saving.ts';
import type { AccountScan } from './scan.ts';
import type { SparseObject } from './types.ts';

/** An index that would give back less than this stays: each rewrite makes manifests and requests. */
const leastIndexBytes = 256 * 1024;
/** Living ranges that are moved in one run of an account, at most: each is held in memory. */
const mostRanges = 2_000_000;

export interface Choice {
  readonly objects: readonly SparseObject[];
  readonly rewriteBytes: number;
  /** About what the store holds less in the end. */
  readonly savedBytes: number;
  /** More would be worth it than the budget lets. */
  readonly budgetSpent: boolean;
}

interface Candidate extends SparseObject {
  readonly ranges: number;
}

export interface ChoiceLimits {
  readonly threshold: number;
  /** Null: as far as memory reaches. */
  readonly budgetBytes: number | null;
  /** Where nothing that saves anything fits the budget, as little more than that as does: else no run would ever do it. */
  readonly mayExceed?: boolean;
  /** Keys of what cannot be moved. */
  readonly without?: ReadonlySet<string>;
}

/** Those of which most would go first, as far as the limits reach. In the answer the sparsest are first. */
export function chooseSparse(
  scan: AccountScan,
  { threshold, budgetBytes, mayExceed = false, without = new Set() }: ChoiceLimits,
): Choice {
  const goes = ({ storedBytes, liveShare }: SparseObject): number => storedBytes * (1 - liveShare);
  const sparse = candidates(scan, threshold)
    .filter(({ key }) => !without.has(key))
    .sort((a, b) => goes(b) - goes(a) || (a.key < b.key ? -1 : 1));
  const fitting = choose(scan, sparse, (bytes) => budgetBytes === null || bytes <= budgetBytes);
  if (!mayExceed || fitting.objects.length > 0 || !fitting.budgetSpent) return fitting;
  return choose(scan, sparse, (_, savedBytes) => savedBytes === 0);
}

/** @param takes whether one more may be taken, so that so many bytes are rewritten, where the others save so many */
function choose(
  scan: AccountScan,
  sparse: readonly Candidate[],
  takes: (rewriteBytes: number, savedBytes: number) => boolean,
): Choice {
  const saving = new Saving(scan, new Set(sparse.map(({ key }) => key)));
  const within: SparseObject[] = [];
  let [bytes, ranges] = [0, 0];
  // What they share is paid for by the first ones, so the best is looked for among all beginnings.
  let best = { count: 0, rewriteBytes: 0, savedBytes: 0 };
  for (const { ranges: own, ...object } of sparse) {
    const rewriteBytes = bytes + object.rewriteBytes;
    if (!takes(rewriteBytes, best.savedBytes) || ranges + own > mostRanges) continue;
    within.push(object);
    bytes = rewriteBytes;
    ranges += own;
    saving.add(object.key);
    if (saving.bytes > best.savedBytes)
      best = { count: within.length, rewriteBytes, savedBytes: saving.bytes };
  }
  const { count, ...sums } = best;
  const objects = within
    .slice(0, count)
    .sort((a, b) => a.liveShare - b.liveShare || (a.key < b.key ? -1 : 1));
  return { objects, ...sums, budgetSpent: within.length < sparse.length };
}

function candidates({ segments, indexes, held }: AccountScan, threshold: number): Candidate[] {
  const sparse: Candidate[] = [];
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
  return sparse;
}
