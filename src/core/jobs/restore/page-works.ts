/**
 * Index pages as work for threads: fetched in order, neighbours together.
 */

import type { IndexReader } from '../index-reader.ts';
import type { PageWork } from './messages.ts';

const batchPages = 8;

/** `within`: only entries below one of these paths; null for all. */
export async function* pageWorks(
  reader: IndexReader,
  rows: Parameters<IndexReader['pages']>[0],
  within: readonly Buffer[] | null,
): AsyncGenerator<PageWork> {
  for await (const { row, plain } of reader.pages(rows)) yield { plain, digest: row.digest, within };
}

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
