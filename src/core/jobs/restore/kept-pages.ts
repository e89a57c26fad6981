/**
 * Entries that wait for a later step of a restore, in compressed pages in memory.
 */

import { comparePaths, type Entry } from '../../archive/entry.ts';
import { decompressPart, readPage } from '../../archive/page-reader.ts';
import { type FinishedPage, PageWriter } from '../../archive/pages.ts';

/** Takes entries in path order. */
export class KeptEntries {
  readonly #writer = new PageWriter();
  readonly #pages: FinishedPage[] = [];

  add(entry: Entry): void {
    this.#writer.add(entry);
    if (this.#writer.full) this.#pages.push(this.#writer.finish()!);
  }

  /** What was kept; nothing is added any more. */
  end(): FinishedPage[] {
    const last = this.#writer.finish();
    if (last !== null) this.#pages.push(last);
    return this.#pages;
  }
}

export const sortedPages = (pages: readonly FinishedPage[]): FinishedPage[] =>
  [...pages].sort((a, b) => comparePaths(Buffer.from(a.first), Buffer.from(b.first)));

export async function* entriesOf(
  pages: readonly FinishedPage[],
  order: 'forwards' | 'backwards',
): AsyncGenerator<Entry> {
  for (const page of order === 'backwards' ? [...pages].reverse() : pages) {
    const plain = decompressPart(Buffer.from(page.frame), page.plainBytes, 'a page in memory');
    const entries = [...readPage(plain, null)];
    yield* order === 'backwards' ? entries.reverse() : entries;
  }
}
