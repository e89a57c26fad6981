/**
 * Restores whole index pages: the unit of work, in a worker thread or, for small restores, in the main one.
 *
 * Keeps directories, linked entries and what `chattr` had set for the last steps in compressed pages, so that memory stays small.
 */

import { dataBytes, type Entry, entryFlags, fileType, isWithin, typeOf } from '../../archive/entry.ts';
import { readPage } from '../../archive/page-reader.ts';
import { isHoldfastError } from '../../errors.ts';
import type { XattrBackend } from '../../filesystem/xattrs.ts';
import { eachRange } from './contents.ts';
import { EntryRestorer, type RestoreOutlet } from './entry-restorer.ts';
import type { Frames } from './frames.ts';
import { KeptEntries } from './kept-pages.ts';
import type { Leftovers, PageWork } from './messages.ts';
import { damagedPage } from './page-works.ts';
import { isProtectedLast } from './protection.ts';
import type { Restriction } from './restriction.ts';

export interface PageRestorerOptions {
  readonly target: number;
  readonly resume: boolean;
  readonly alike: boolean;
  readonly verifyOnly: boolean;
  readonly restriction: Restriction | null;
  readonly frames: Frames;
  readonly xattrs: XattrBackend;
  readonly outlet: RestoreOutlet;
  readonly checkStop: () => void;
}

export class PageRestorer {
  readonly restorer: EntryRestorer;
  readonly #options: PageRestorerOptions;
  readonly #directories = new KeptEntries();
  readonly #linked = new KeptEntries();
  readonly #protected = new KeptEntries();

  constructor(options: PageRestorerOptions) {
    this.#options = options;
    this.restorer = new EntryRestorer(options.target, options);
  }

  async run(works: readonly PageWork[]): Promise<void> {
    const entries = inOrderOfContents(works.flatMap((work) => this.#entriesOf(work)));
    this.#options.frames.expect(this.#options.frames.needed(entries));
    for (const entry of entries) {
      this.#options.checkStop();
      if (this.#options.verifyOnly) await this.#verify(entry);
      else {
        if (this.#options.restriction === null && isProtectedLast(entry)) this.#protected.add(entry);
        if (await this.restorer.restore(entry)) this.#keep(entry);
      }
    }
  }

  /** Those before the damage, where there is some. */
  #entriesOf({ plain, digest, first, count, within }: PageWork): Entry[] {
    const entries: Entry[] = [];
    try {
      for (const entry of readPage(Buffer.from(plain), Buffer.from(digest))) {
        if (within === null || within.some((path) => isWithin(entry.path, path))) entries.push(entry);
      }
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'OBJECT_DAMAGED') throw error;
      const path = entries.at(-1)?.path ?? Buffer.from(first);
      this.#options.outlet.failed(path, damagedPage(count - entries.length, error.message));
    }
    return entries;
  }

  async #verify(entry: Entry): Promise<void> {
    const { outlet, frames } = this.#options;
    if (typeOf(entry) === fileType.regular && entry.content !== null && entry.content.size > 0) {
      try {
        const digest = await eachRange(entry.content, frames, () => {});
        if (!digest.equals(entry.content.sha256!)) outlet.failed(entry.path, 'its content has another hash');
      } catch (error) {
        if (!isHoldfastError(error) || !error.code.startsWith('OBJECT_')) throw error;
        outlet.failed(entry.path, error.message);
      }
    }
    outlet.progress(1, dataBytes(entry.content));
  }

  #keep(entry: Entry): void {
    const linked = (entry.flags & entryFlags.linked) !== 0;
    (linked ? this.#linked : this.#directories).add(entry);
  }

  end(): Leftovers {
    this.restorer.close();
    return {
      directories: this.#directories.end(),
      linked: this.#linked.end(),
      protected: this.#protected.end(),
    };
  }
}

/**
 * What has no content first, then files as their contents lie in the objects. In path order the files of a long
 * chain lie now in this object, now in that, and each frame would be fetched and opened for every few of them.
 */
function inOrderOfContents(entries: readonly Entry[]): Entry[] {
  const files = entries.filter(({ content }) => content !== null && content.extents.length > 0);
  const others = entries.filter(({ content }) => content === null || content.extents.length === 0);
  return [...others, ...files.sort(byContent)];
}

function byContent(a: Entry, b: Entry): number {
  const [one, other] = [a.content!.extents[0]!, b.content!.extents[0]!];
  return one.object - other.object || one.tarOffset - other.tarOffset;
}
