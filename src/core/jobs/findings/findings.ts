/**
 * Whether the numbers of a new snapshot look as if something went wrong with the account. Pure.
 *
 * A wiped account, an unmounted disk or a wrong exclusion makes a small snapshot; encryption by an attacker
 * changes nearly everything, into what no longer compresses. Compared with the median of the last seven, so
 * that an account which grows or is rebuilt is reported once or twice, and then believed.
 */

import type { SnapshotState } from '../../archive/keys.ts';
import type { Finding } from '../../archive/statistics.ts';
import type { Measures } from '../../state/measures.ts';
import { compared } from './measures.ts';

/** With fewer before it a backup raises no alarm: a new account changes much. */
const fewest = 3;
/** Changes of so few entries, or of so small a part of them all, are never unusual, however quiet the account was before. */
const smallChange = 100;
const smallPart = 1 / 20;
const manyTimes = 10;
/** What is stored anew tells little about the account where it is less than this, or than a tenth of all. */
const judgedBytes = 1024 * 1024;
/** Content that usually shrinks by less than this gives no sign. */
const compressible = 1.25;
/** A loss of less than both is a log that was rotated, unless nothing is left but the roots of trees. */
const smallLoss = { entries: 5, bytes: 64 * 1024 };
const onlyRoots = 2;

/** What looks wrong with `newest`. `before`: oldest first, of the same configuration. */
export function findingsOf(newest: Measures, before: readonly Measures[]): Finding[] {
  const earlier = before.slice(-compared);
  return [shrunk(newest, before), unusualChange(newest, earlier), ratioCollapse(newest, before)].filter(
    (finding) => finding !== null,
  );
}

/**
 * Less than half of the entries or the bytes. One that lacks a component, which is an error, is not judged.
 *
 * @param least with fewer good ones before it nothing is said
 */
export function shrunk(newest: Measures, before: readonly Measures[], least = fewest): Finding | null {
  const good = before.filter(({ state }) => state === 'complete').slice(-compared);
  if (newest.state !== 'complete' || good.length < least) return null;
  for (const what of ['entries', 'bytes'] as const) {
    const usual = median(good.map((one) => one[what]));
    const measured = newest[what];
    if (measured >= usual / 2) continue;
    const isEmptied = what === 'entries' && measured <= onlyRoots;
    if (usual - measured < smallLoss[what] && !isEmptied) continue;
    const unit = measured === 1 ? { entries: 'entry', bytes: 'byte' }[what] : what;
    const others =
      good.length === 1
        ? `the one before it ${usual}`
        : `the ${good.length} before it ${usual} in the median`;
    const message = `it has ${measured} ${unit}, ${others}`;
    return { code: 'shrunk', what, measured, usual, message };
  }
  return null;
}

/**
 * Of the newest good one of these, oldest first: what looks wrong, or null. One before it is enough to compare with: where rules
 * keep two, there are never more, and what they let go does not come back, while an alarm too many can be waited for. Also null where one of those it is compared with,
 * of the usual size, was pinned for good after it became so small: somebody has looked, and that one stays. An older pin was for
 * another reason, and one that is much smaller still has to be looked at again.
 */
export function newestIsShrunk(
  ordered: readonly {
    readonly name: string;
    readonly state: SnapshotState;
    readonly measures: Measures | null;
    /** When its manifest was written. */
    readonly committedMs: number;
    /** When it was last pinned without an end; null where it is not. */
    readonly pinnedMs: number | null;
  }[],
): string | null {
  // Locked snapshots have no numbers; whoever prunes with the identity judges them.
  if (ordered.findLast(({ state }) => state === 'complete')?.measures === null) return null;
  const good = ordered.flatMap(({ measures, ...one }) =>
    measures?.state === 'complete' ? [{ ...one, measures }] : [],
  );
  const before = good.slice(0, -1).map(({ measures }) => measures);
  const newest = good.at(-1);
  const finding = newest === undefined ? null : shrunk(newest.measures, before, 1);
  if (newest === undefined || finding === null) return null;
  const isShrunk = (at: number): boolean => shrunk(good[at]!.measures, before.slice(0, at), 1) !== null;
  let first = good.length - 1;
  while (first > 0 && isShrunk(first - 1) && shrunk(newest.measures, [before[first - 1]!], 1) === null)
    first--;
  const usual = before.slice(0, first);
  const isAnswer = ({ measures, pinnedMs }: (typeof good)[number]): boolean =>
    pinnedMs !== null && pinnedMs > good[first]!.committedMs && shrunk(measures, usual, 1) === null;
  const seen = good.slice(Math.max(0, first - compared), first);
  return seen.some(isAnswer) ? null : `${newest.name}: ${finding.message}`;
}

/**
 * A differential has the changes of all snapshots since the last full, and may have as many times more; where the same files
 * change each day it has no more than one of them.
 */
function unusualChange(
  { changes, entries, steps = 1 }: Measures,
  earlier: readonly Measures[],
): Finding | null {
  const others = earlier.flatMap((one) => (one.changes === null ? [] : [{ ...one, changes: one.changes }]));
  if (changes === null || others.length < fewest) return null;
  if (changes < Math.max(smallChange, entries * smallPart)) return null;
  const daily = median(others.map((one) => one.changes / (one.steps ?? 1)));
  const usual = Math.round(Math.max(daily * steps, median(others.map((one) => one.changes))));
  if (changes <= manyTimes * usual) return null;
  const message = `${changes} entries were added, changed or removed, usually ${usual}`;
  return { code: 'unusual-change', what: 'changes', measured: changes, usual, message };
}

/**
 * What was compressible and is so no longer: a quarter, at most, is left of what compression saved. A full is compared with
 * fulls, since what is new in a night says nothing of all the rest; and nothing of an account that had hardly compressed in its last.
 */
function ratioCollapse(newest: Measures, before: readonly Measures[]): Finding | null {
  const { ratio } = newest;
  if (ratio === null || !saysMuch(newest)) return null;
  const ratiosOf = (of: readonly Measures[]): number[] => of.flatMap((one) => one.ratio ?? []);
  const fulls = ratiosOf(before.filter((one) => isFull(one) && saysMuch(one)));
  const others = isFull(newest) ? fulls : ratiosOf(before.slice(-compared).filter((one) => !isFull(one)));
  if (others.length < (isFull(newest) ? 1 : fewest)) return null;
  const usual = Math.round(Math.min(median(others), fulls.at(-1) ?? Number.POSITIVE_INFINITY) * 1000) / 1000;
  if (usual < compressible || saved(ratio) > saved(usual) / 4) return null;
  const message = `what was stored anew compressed ${ratio} to 1, usually ${usual} to 1: it may have been encrypted`;
  return { code: 'ratio-collapse', what: 'ratio', measured: ratio, usual, message };
}

/** Nothing was compared. */
const isFull = ({ changes }: Measures): boolean => changes === null;

const saysMuch = ({ newBytes, bytes }: Measures): boolean => newBytes >= Math.max(judgedBytes, bytes / 10);

const saved = (ratio: number): number => 1 - 1 / Math.max(1, ratio);

/** Of at least one value. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
