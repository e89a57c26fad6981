/** Medians and ranges of samples. */

export interface Range {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Of at least one value; the median of an even number is the mean of the middle two. */
export function rangeOf(values: readonly number[]): Range {
  if (values.length === 0) throw new TypeError('nothing was measured');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  const median = sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
  return { min: sorted[0]!, median, max: sorted.at(-1)! };
}

/** Of the ratios within each pair, which cancels what slows the whole machine down for a while. */
export const ratioOf = (ours: readonly number[], theirs: readonly number[]): Range =>
  rangeOf(ours.map((value, index) => value / theirs[index]!));
