/**
 * Compares live inodes of one kind of tree with entries, as far as the request says.
 */

import { type Content, type Entry, fileType, typeOf } from '../../archive/entry.ts';
import { readLinkAt, type Stat } from '../../filesystem/native.ts';
import { magicPath, type XattrBackend, XattrError } from '../../filesystem/xattrs.ts';
import { sameContent, sameMetadata, sameTime, sameXattrs } from './compare.ts';
import { isLayerXattr, isWhiteout } from './layer.ts';
import type { LiveTree } from './live-tree.ts';
import { unwritable } from './obstacles.ts';

export interface ComparerOptions {
  readonly compareContents: 'when-times-differ' | 'always';
  /** Takes what would have to be hashed for different: a plan that is too large is made again without. */
  readonly hash: boolean;
  readonly xattrs: XattrBackend;
}

const targetBuffer = Buffer.allocUnsafeSlow(65536);
const empty = Buffer.from([0]);

/** `fd` is always an O_PATH descriptor, and `stat` its inode. */
export class Comparer {
  readonly #options: ComparerOptions;

  constructor(options: ComparerOptions) {
    this.#options = options;
  }

  /** True where the inode is what a group of links should be, in everything. */
  isWanted(tree: LiveTree, entry: Entry, content: Content | null, fd: number, stat: Stat): boolean {
    if (tree.look.isForeign(stat) || typeOf(stat) !== typeOf(entry)) return false;
    if (tree.layered && isWhiteout(entry)) return this.special(entry, fd, stat);
    if (!sameMetadata(entry, stat) || !this.attributes(tree, entry, fd)) return false;
    if (typeOf(entry) !== fileType.regular) return this.special(entry, fd, stat);
    return content !== null && this.content({ ...entry, content }, fd, stat).same;
  }

  content(entry: Entry, fd: number, stat: Stat): { readonly same: boolean; readonly unsure: boolean } {
    const { content } = entry;
    if ((content?.size ?? 0) !== stat.size) return { same: false, unsure: false };
    const trusted = this.#options.compareContents === 'when-times-differ' && sameTime(entry, stat);
    if (content === null || content.size === 0 || trusted) return { same: true, unsure: false };
    if (!this.#options.hash) return { same: false, unsure: true };
    return { same: sameContent(fd, content), unsure: false };
  }

  /** Target of a link, numbers of a device. */
  special(entry: Entry, fd: number, stat: Stat): boolean {
    if (typeOf(entry) === fileType.link) {
      const length = readLinkAt(fd, empty, targetBuffer);
      return length >= 0 && targetBuffer.subarray(0, length).equals(entry.target ?? Buffer.alloc(0));
    }
    return stat.rdevMajor === entry.rdevMajor && stat.rdevMinor === entry.rdevMinor;
  }

  attributes(tree: LiveTree, entry: Entry, fd: number): boolean {
    const found = this.read(fd);
    if (!tree.layered) return sameXattrs(found, entry.xattrs);
    const plain = (one: Entry['xattrs'][number]): boolean => !isLayerXattr(one);
    return sameXattrs(found.filter(plain), entry.xattrs.filter(plain));
  }

  /** @throws TARGET_UNWRITABLE they cannot be read */
  read(fd: number): Entry['xattrs'] {
    try {
      return this.#options.xattrs.read(magicPath(fd));
    } catch (error) {
      if (error instanceof XattrError) throw unwritable(error.message);
      throw error;
    }
  }
}
