/**
 * Index pages as work for threads: fetched in order, neighbours together. A damaged page costs its entries only.
 */

import type { PageRow } from '../../archive/root.ts';
import type { IndexReader } from '../index-reader.ts';
import type { RestoreOutlet } from './entry-restorer.ts';
import type { PageWork } from './messages.ts';

const batchPages = 8;

/** `within`: only entries below one of these paths; null for all. */
export async function* pageWorks(
  reader: IndexReader,
  rows: readonly PageRow[],
  within: readonly Buffer[] | null,
  outlet: Pick<RestoreOutlet, 'failed'>,
): AsyncGenerator<PageWork> {
  const damaged = (row: PageRow, message: string): void =>
    outlet.failed(row.first, damagedPage(row.count, message));
  for await (const { row, plain } of reader.pages(rows, damaged)) {
    yield { plain, digest: row.digest, first: row.first, count: row.count, within };
  }
}

/** Of the path at which the page begins. */
export const damagedPage = (count: number, message: string): string =>
  `${count} entries from here on are lost: ${message}`;

/** Small enough that every thread gets some. */
export async function* batches(
  works: AsyncIterable<PageWork>,
  total: number,
  threads: number,
): AsyncGenerator<readonly PageWork[]> {
  const size = Math.max(1, Math.min(batchPages, Math.ceil(total / (threads * 4))));
  let batch: PageWork[] = [];
  for await (const work of works) {
    batch.push(work);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
