/**
 * Entries that cannot be restored, while all others are; what lies below a directory that is not there is lost with it.
 */

import { type Entry, fileType, typeOf } from '../../archive/entry.ts';
import { isFatal } from '../restore/entry-restorer.ts';
import type { LiveTree } from './live-tree.ts';
import { Subtrees } from './subtrees.ts';

export class Failures {
  /** Nothing below these can be restored. */
  readonly lost = new Subtrees();
  readonly #treeOf: (path: Buffer) => LiveTree;
  readonly #told: (path: Buffer, message: string) => void;

  constructor(treeOf: (path: Buffer) => LiveTree, told: (path: Buffer, message: string) => void) {
    this.#treeOf = treeOf;
    this.#told = told;
  }

  /** @throws what stops the whole run, such as a full file system */
  async guard(entry: Entry, action: () => void | Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.add(entry, error);
    }
  }

  add(entry: Entry, error: unknown): void {
    if (isFatal(error)) throw error;
    this.#told(entry.path, (error as Error).message);
    if (typeOf(entry) === fileType.directory && !this.#isThere(entry)) this.lost.add(entry.path);
  }

  /** A directory that cannot be changed itself may still hold what can. */
  #isThere({ path }: Entry): boolean {
    try {
      const tree = this.#treeOf(path);
      return tree.look.directory(tree.relative(path)) !== null;
    } catch {
      return false;
    }
  }
}
