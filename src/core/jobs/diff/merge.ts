/**
 * Two indexes side by side, in path order, without what is surely the same.
 *
 * Pages with one digest hold the same entries, so those that both indexes have are not even fetched: what
 * this costs follows what changed. Memory holds a few pages.
 */

import { comparePaths, type Entry } from '../../archive/entry.ts';
import { readPage } from '../../archive/page-reader.ts';
import type { PageRow } from '../../archive/root.ts';
import type { IndexReader } from '../index-reader.ts';

export interface Pair {
  readonly before: Entry | null;
  readonly after: Entry | null;
}

/** @throws OBJECT_DAMAGED, OBJECT_MISSING */
export async function* merge(before: IndexReader, after: IndexReader): AsyncGenerator<Pair> {
  const [left, right] = differingPages(before, after);
  const [a, b] = [entriesOf(before, left), entriesOf(after, right)];
  try {
    let [one, two] = await Promise.all([next(a), next(b)]);
    while (one !== null || two !== null) {
      const order = one === null ? 1 : two === null ? -1 : comparePaths(one.path, two.path);
      yield { before: order <= 0 ? one : null, after: order >= 0 ? two : null };
      if (order <= 0) one = await next(a);
      if (order >= 0) two = await next(b);
    }
  } finally {
    await Promise.all([a.return(undefined), b.return(undefined)]);
  }
}

/** Contents of files with several names lie in pages of their own; where all are equal, so are those. */
export function sameLinks(before: IndexReader, after: IndexReader): boolean {
  const [a, b] = [before.root.linkPages, after.root.linkPages];
  return a.length === b.length && a.every(({ digest }, i) => digest.equals(b[i]!.digest));
}

function differingPages(before: IndexReader, after: IndexReader): [PageRow[], PageRow[]] {
  const [a, b] = [before.root.pages, after.root.pages];
  // An unchanged entry can then stand for a changed content.
  if (!sameLinks(before, after)) return [[...a], [...b]];
  const ofA = new Set(a.map(digestOf));
  const both = new Set(b.map(digestOf).filter((digest) => ofA.has(digest)));
  const differs = (row: PageRow): boolean => !both.has(digestOf(row));
  return [a.filter(differs), b.filter(differs)];
}

const digestOf = ({ digest }: PageRow): string => digest.toString('latin1');

async function* entriesOf(reader: IndexReader, rows: readonly PageRow[]): AsyncGenerator<Entry, undefined> {
  for await (const { row, plain } of reader.pages(rows)) yield* readPage(plain, row.digest);
}

async function next(entries: AsyncGenerator<Entry, undefined>): Promise<Entry | null> {
  return (await entries.next()).value ?? null;
}
