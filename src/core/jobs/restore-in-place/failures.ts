/**
 * Entries that cannot be restored, while all others are; what lies below a directory that is not there is lost with it.
 */

import { type Entry, fileType, typeOf } from '../../archive/entry.ts';
import { isHoldfastError } from '../../errors.ts';
import { isFatal } from '../restore/entry-restorer.ts';
import type { LiveTree } from './live-tree.ts';
import type { PassOutlet } from './pass-options.ts';
import { Subtrees } from './subtrees.ts';

export class Failures {
  /** Nothing below these can be restored. */
  readonly lost = new Subtrees();
  readonly #treeOf: (path: Buffer) => LiveTree;
  readonly #outlet: Pick<PassOutlet, 'failed' | 'failedBelow'>;

  constructor(treeOf: (path: Buffer) => LiveTree, outlet: Pick<PassOutlet, 'failed' | 'failedBelow'>) {
    this.#treeOf = treeOf;
    this.#outlet = outlet;
  }

  /** Asked once for each entry, which then counts as failed too. */
  isLost({ path }: Entry): boolean {
    if (!this.lost.cover(path)) return false;
    if (!this.lost.has(path)) this.#outlet.failedBelow();
    return true;
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
    const { message } = error as Error;
    const losesAll = typeOf(entry) === fileType.directory && !this.#isThere(entry);
    const said = losesAll ? `${message}; nothing below it is restored` : message;
    this.#outlet.failed(entry.path, said, isHoldfastError(error) && error.code.startsWith('OBJECT_'));
    if (losesAll) this.lost.add(entry.path);
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
