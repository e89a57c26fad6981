/** Numbers of snapshots that are missing, as ranges: a gap may be as wide as the numbers go. */

const shownRanges = 5;
const mostNumbers = 10_000;

export const ascending = (a: number, b: number): number => a - b;

export type Range = readonly [first: number, last: number];

/** The numbers between two that are not among `explained`, which ascends. In few steps, however far apart. */
export function rangesBetween(low: number, high: number, explained: readonly number[]): Range[] {
  const ranges: Range[] = [];
  let next = low + 1;
  for (const number of [...explained.filter((one) => one > low && one < high), high]) {
    if (number > next) ranges.push([next, number - 1]);
    next = number + 1;
  }
  return ranges;
}

/** Of numbers in any order, also of some that are there twice. */
export function rangesOf(numbers: readonly number[]): Range[] {
  const ranges: [first: number, last: number][] = [];
  for (const number of [...numbers].sort(ascending)) {
    const range = ranges.at(-1);
    if (range !== undefined && number <= range[1] + 1) range[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}

/** All of them: for ranges that were made of as many numbers. */
export const numbersOf = (ranges: readonly Range[]): number[] =>
  ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));

/** The first thousands of them. */
export function numbersIn(ranges: readonly Range[]): number[] {
  const numbers: number[] = [];
  for (const [first, last] of ranges)
    for (let one = first; one <= last && numbers.length < mostNumbers; one++) numbers.push(one);
  return numbers;
}

export function gapText(ranges: readonly Range[]): string {
  const texts = ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  const shown = texts.slice(0, shownRanges).join(', ');
  const more = texts.length > shownRanges ? ' and more' : '';
  const one = ranges.length === 1 && ranges[0]![0] === ranges[0]![1];
  return one
    ? `snapshot ${shown} of its sequence is missing,`
    : `snapshots ${shown}${more} of its sequence are missing,`;
}
