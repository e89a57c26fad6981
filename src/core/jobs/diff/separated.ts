/** Which names of files stopped being, or became, names of one file. */

import { type Entry, entryFlags } from '../../archive/entry.ts';
import type { IndexReader } from '../index-reader.ts';
import { treeOf } from './compare-entries.ts';

/**
 * Compares, over the names that both snapshots have, which of them are one file. Inode numbers mean nothing between
 * snapshots: the first pair of names tells which file of the one is which of the other.
 */
export class Separated {
  readonly #before: FileNames;
  readonly #after: FileNames;
  readonly #then = new Map<string, string>();
  readonly #now = new Map<string, string>();

  constructor(before: IndexReader, after: IndexReader) {
    this.#before = new FileNames(before);
    this.#after = new FileNames(after);
  }

  /** Call it once for each name. True where it is one file with other names than before, or no longer with those. */
  has(before: Entry, after: Entry): boolean {
    if (!isLinked(before) && !isLinked(after)) return false;
    const [was, is] = [this.#before.of(before), this.#after.of(after)];
    const [next, former] = [this.#then.get(was), this.#now.get(is)];
    if (next === undefined) this.#then.set(was, is);
    if (former === undefined) this.#now.set(is, was);
    return (next ?? is) !== is || (former ?? was) !== was;
  }
}

export const isLinked = ({ flags }: Entry): boolean => (flags & entryFlags.linked) !== 0;

/** One text for each file of a snapshot, whatever its names. */
class FileNames {
  readonly #devices: ReadonlyMap<string, number>;

  constructor({ root }: IndexReader) {
    this.#devices = new Map(root.trees.map(({ name, device }) => [name, device]));
  }

  of(entry: Entry): string {
    if (!isLinked(entry)) return `/${entry.path.toString('latin1')}`;
    return `${this.#devices.get(treeOf(entry.path))}:${entry.inode}`;
  }
}
