/** Entries that the final segment of an account needs again: directories, and what has several names. In pages, for memory. */

import { comparePaths } from '../../archive/entry.ts';
import { type FinishedPage, PageWriter } from '../../archive/pages.ts';

export interface LatePageLists {
  readonly directories: readonly FinishedPage[];
  readonly linked: readonly FinishedPage[];
}

export class LatePages {
  readonly directories: PageWriter;
  readonly linked: PageWriter;
  readonly #directoryPages: FinishedPage[] = [];
  readonly #linkedPages: FinishedPage[] = [];

  constructor(pageBytes: number) {
    this.directories = new PageWriter(pageBytes);
    this.linked = new PageWriter(pageBytes);
  }

  /** Directories are cut as the index is, so that pages of threads do not overlap: the tar has children before parents. */
  flush(cut: boolean): void {
    const directories = cut || this.directories.full ? this.directories.finish() : null;
    if (directories !== null) this.#directoryPages.push(directories);
    if (this.linked.full) this.#linkedPages.push(this.linked.finish()!);
  }

  /** All pages; nothing may be added afterwards. */
  finish(): LatePageLists {
    this.flush(true);
    const last = this.linked.finish();
    if (last !== null) this.#linkedPages.push(last);
    return { directories: this.#directoryPages, linked: this.#linkedPages };
  }

  /** As `finish`, with those of other workers, in path order. */
  join(others: LatePageLists): LatePageLists {
    const own = this.finish();
    const byPath = (a: FinishedPage, b: FinishedPage): number => comparePaths(a.first, b.first);
    return {
      directories: [...own.directories, ...others.directories].sort(byPath),
      linked: [...own.linked, ...others.linked].sort(byPath),
    };
  }
}
