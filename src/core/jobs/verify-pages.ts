/**
 * Verifies the pages of an index: whole, in order, and pointing inside the objects they name.
 */

import { type Content, comparePaths, fileType, typeOf } from '../archive/entry.ts';
import { readLinkPage, readPage } from '../archive/page-reader.ts';
import type { PageRow } from '../archive/root.ts';
import type { IndexReader } from './index-reader.ts';
import { Frames } from './restore/frames.ts';
import { damagedPage } from './restore/page-works.ts';

/** Every page against its digest, every extent against the objects. */
export async function checkPages(
  reader: IndexReader,
  problem: (path: Buffer, message: string) => void,
): Promise<void> {
  const frames = new Frames(reader.root.objects, () => Promise.reject(new Error('nothing is fetched here')));
  const check = (path: Buffer, content: Content): void => {
    try {
      for (const { object, tarOffset, length } of content.extents) frames.covering(object, tarOffset, length);
    } catch (error) {
      problem(path, (error as Error).message);
    }
  };
  const lost = (row: PageRow, message: string): void => problem(row.first, damagedPage(row.count, message));
  let before: Buffer = Buffer.alloc(0);
  for await (const { row, plain } of reader.pages(reader.root.pages, lost)) {
    try {
      for (const entry of readPage(plain, row.digest)) {
        if (before.length > 0 && comparePaths(before, entry.path) >= 0)
          problem(entry.path, 'is not in order');
        before = entry.path;
        if (typeOf(entry) === fileType.regular && entry.content !== null) check(entry.path, entry.content);
      }
    } catch (error) {
      lost(row, (error as Error).message);
    }
  }
  for await (const { row, plain } of reader.pages(reader.root.linkPages)) {
    for (const record of readLinkPage(plain, row.digest)) check(record.path, record.content);
  }
}
