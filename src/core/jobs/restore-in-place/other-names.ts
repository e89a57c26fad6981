/**
 * Names of linked files that the snapshot has and a restore of some paths leaves alone.
 *
 * The snapshot says of a file under which name its content is stored, and of no other: the rest are found by a look at every
 * entry, once, and only where a file is made anew.
 */

import { type Entry, entryFlags, fileType, isWithin, typeOf } from '../../archive/entry.ts';
import type { IndexReader } from '../index-reader.ts';
import { isFatal } from '../restore/entry-restorer.ts';
import { treeName } from '../restore/paths-wanted.ts';
import { expectAbove, type LiveTree } from './live-tree.ts';

/** Of one file; what is above each has to be looked up. */
const mostNames = 16;

export class OtherNames {
  readonly #reader: IndexReader;
  readonly #within: readonly Buffer[];
  #found: Promise<ReadonlyMap<string, readonly Entry[]>> | null = null;

  /** @param within raw paths that are restored; an empty one for everything */
  constructor(reader: IndexReader, within: readonly Buffer[]) {
    this.#reader = reader;
    this.#within = within;
  }

  /** Of regular files, in the trees that something is restored of; none where the index cannot be read to its end. */
  async of(entry: Entry, treeOf: (path: Buffer) => LiveTree): Promise<readonly Entry[]> {
    const unknown = <T>(error: unknown, value: T): T => {
      if (isFatal(error)) throw error;
      return value;
    };
    this.#found ??= this.#look().catch((error: unknown) => unknown(error, new Map()));
    const names = (await this.#found).get(this.#keyOf(entry)) ?? [];
    const entered: Entry[] = [];
    for (const one of names.slice(0, mostNames)) {
      const enters = expectAbove(one.path, this.#reader, treeOf).then(() => true);
      if (await enters.catch((error: unknown) => unknown(error, false))) entered.push(one);
    }
    return entered;
  }

  async #look(): Promise<ReadonlyMap<string, readonly Entry[]>> {
    const found = new Map<string, Entry[]>();
    const narrowed = this.#within.filter((path) => path.includes(0x2f)).map((path) => treeName({ path }));
    const whole = this.#within.filter((path) => !path.includes(0x2f)).map(String);
    if (whole.includes('')) return found;
    for (const tree of new Set(narrowed)) {
      if (whole.includes(tree)) continue;
      for await (const entry of this.#reader.entries(Buffer.from(tree))) {
        const isLinked = (entry.flags & entryFlags.linked) !== 0 && typeOf(entry) === fileType.regular;
        if (!isLinked || this.#within.some((one) => isWithin(entry.path, one))) continue;
        const key = this.#keyOf(entry);
        found.set(key, [...(found.get(key) ?? []), entry]);
      }
    }
    return found;
  }

  #keyOf(entry: Entry): string {
    const device = this.#reader.root.trees.find(({ name }) => name === treeName(entry))?.device;
    return `${device}:${entry.inode}`;
  }
}
