/**
 * Has the kernel fetch the unchanged files that are due to be read again, as long as the disk lets reads wait.
 *
 * The parent's index tells which they are long before the walk gets to them. Read one at a time they cost a night
 * on a slow disk more than all the rest.
 */

import { PageCursor } from '../../archive/page-cursor.ts';
import { isHoldfastError } from '../../errors.ts';
import { fetchBelow } from '../../filesystem/fetch-ahead.ts';
import { closeFd, Stat } from '../../filesystem/native.ts';
import type { ParentPages } from './parent-pages.ts';
import { askedFor, isDiskSlow } from './read-ahead.ts';

/** A quarter of a night less on a slow disk than with none; with eight it is no faster. */
const pagesAhead = 4;

export class DueFiles {
  readonly #openRoot: (stat: Stat) => number;
  readonly #isDue: (inodeLow: number) => boolean;
  readonly #prefix: Buffer;
  readonly #path = Buffer.alloc(4096);
  #root = -1;
  /** Rows of the parent before this one have been asked for. */
  #next = 0;

  /** @param name of the tree @param isDue see `reread.ts` */
  constructor(name: string, openRoot: (stat: Stat) => number, isDue: (inodeLow: number) => boolean) {
    this.#openRoot = openRoot;
    this.#isDue = isDue;
    this.#prefix = Buffer.from(`${name}/`, 'latin1');
  }

  /** The walk is at the page with this row. Asks for those of the next pages too: one has too few to keep a disk busy. */
  comeTo(row: number, pages: ParentPages): void {
    if (!isDiskSlow()) return;
    const last = Math.min(row + pagesAhead, pages.rows.length - 1);
    for (let at = Math.max(this.#next, row); at <= last; at++) this.ask(pages.foresee(pages.rows[at]!));
    this.#next = Math.max(this.#next, last + 1);
  }

  /** Asks for those of a page of the parent. */
  ask(plain: Buffer): void {
    if (!isDiskSlow() || !this.#open()) return;
    const cursor = new PageCursor(plain);
    const from = this.#prefix.length;
    let asked = 0;
    while (cursor.next()) {
      if (!this.#isDue(cursor.inodeLow) || !cursor.hasHash) continue;
      const { pathBytes, pathLength } = cursor;
      if (pathLength - from >= this.#path.length || !this.#prefix.equals(pathBytes.subarray(0, from)))
        continue;
      pathBytes.copy(this.#path, 0, from, pathLength);
      this.#path[pathLength - from] = 0;
      fetchBelow(this.#root, this.#path);
      asked++;
    }
    askedFor(asked);
  }

  /** False where the walk will say what is wrong with the root. */
  #open(): boolean {
    if (this.#root >= 0) return true;
    try {
      this.#root = this.#openRoot(new Stat());
      return true;
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'TREE_UNREADABLE') throw error;
      return false;
    }
  }

  /** May be called again. */
  close(): void {
    if (this.#root >= 0) closeFd(this.#root);
    this.#root = -1;
  }
}
