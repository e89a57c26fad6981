/**
 * Of which linked files the parent has the content.
 *
 * One whose names all escaped the reader, or that the disk would not give back, stands in the parent without a
 * record: it may look unchanged, and must be captured all the same. Eight bytes per file, when first asked.
 */

import { readLinkPage } from '../../archive/page-reader.ts';
import type { ParentPages } from './parent-pages.ts';

export class LinkedInodes {
  readonly #pages: ParentPages;
  #byDevice: ReadonlyMap<number, BigUint64Array> | null = null;

  constructor(pages: ParentPages) {
    this.#pages = pages;
  }

  /** @throws OBJECT_DAMAGED a page of links is not what the parent's root says */
  has(device: number, inode: bigint): boolean {
    this.#byDevice ??= this.#read();
    const inodes = this.#byDevice.get(device);
    if (inodes === undefined) return false;
    let [low, high] = [0, inodes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (inodes[middle]! < inode) low = middle + 1;
      else high = middle;
    }
    return inodes[low] === inode;
  }

  #read(): Map<number, BigUint64Array> {
    const rows = this.#pages.linkRows;
    const most = rows.reduce((sum, { count }) => sum + count, 0);
    const filling = new Map<number, { inodes: BigUint64Array; length: number }>();
    for (const row of rows) {
      for (const { device, inode } of readLinkPage(this.#pages.load(row), null)) {
        const one = filling.get(device) ?? { inodes: new BigUint64Array(most), length: 0 };
        one.inodes[one.length++] = inode;
        filling.set(device, one);
      }
    }
    return new Map([...filling].map(([device, one]) => [device, one.inodes.subarray(0, one.length).sort()]));
  }
}
