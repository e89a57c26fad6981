/**
 * What must happen to one path so that it is as the snapshot has it. Looks, and changes nothing.
 *
 * The same decisions make the plan, the dry run and the real run, so that their lists are equal.
 */

import { type Content, dataBytes, type Entry, entryFlags, fileType, typeOf } from '../../archive/entry.ts';
import { listDirectory } from '../../filesystem/directory.ts';
import {
  closeFd,
  errno,
  errnoName,
  O,
  openAt,
  readLinkAt,
  Stat,
  statAt,
  statFd,
} from '../../filesystem/native.ts';
import { lastName } from '../../filesystem/write-entry.ts';
import { magicPath, type XattrBackend, XattrError } from '../../filesystem/xattrs.ts';
import { sameContent, sameMetadata, sameTime, sameXattrs } from './compare.ts';
import { isLayerXattr, isOpaque, isWhiteout } from './layer.ts';
import { type LiveTree, mountInTheWay, unwritable } from './live-tree.ts';
import { onlyInLowerLayers } from './lower-names.ts';
import type { InPlaceAction } from './types.ts';

/** What an inode takes of its owner's quota. */
export interface Usage {
  readonly uid: number;
  readonly gid: number;
  readonly bytes: number;
}

export interface Decision {
  readonly entry: Entry;
  /** Null where it is as it should be. */
  readonly action: InPlaceAction | null;
  /**
   * What the inode in its place gives back: to whoever owns it now, where only its metadata changes. Null
   * where it has other names, or there is none.
   */
  readonly freed: Usage | null;
  /** It is compared by hash in the end, which was put off. */
  readonly unsure: boolean;
}

export interface DeciderOptions {
  readonly delete: boolean;
  readonly compareContents: 'when-times-differ' | 'always';
  /** Takes what would have to be hashed for different: a plan that is too large is made again without. */
  readonly hash: boolean;
  readonly xattrs: XattrBackend;
  readonly warn: (code: string, path: Buffer, message: string) => void;
}

const targetBuffer = Buffer.allocUnsafeSlow(65536);
const empty = Buffer.from([0]);
const above = new Stat();
const inodeKey = (stat: Stat): string => `${stat.deviceMajor}:${stat.deviceMinor}:${stat.inode}`;
export const usageOf = (stat: Stat): Usage => ({ uid: stat.uid, gid: stat.gid, bytes: stat.blocks * 512 });

export class Decider {
  readonly #options: DeciderOptions;
  /** Names that inodes lose by decisions not yet carried out. */
  readonly #lost = new Map<string, number>();
  readonly #stat = new Stat();
  #timeIsOurs = false;

  constructor(options: DeciderOptions) {
    this.#options = options;
  }

  /** What was decided so far has happened. */
  settled(): void {
    this.#lost.clear();
  }

  /** A name of this inode is to go. @returns what that frees */
  loses(stat: Stat): Usage | null {
    if (stat.nlink < 2) return usageOf(stat);
    const lost = (this.#lost.get(inodeKey(stat)) ?? 0) + 1;
    this.#lost.set(inodeKey(stat), lost);
    return lost < stat.nlink ? null : usageOf(stat);
  }

  absent(entry: Entry): Decision {
    return { entry, action: 'create', freed: null, unsure: false };
  }

  /**
   * For directories, and entries with one name.
   *
   * @param options timeIsOurs: a directory's time is another only by what this run took out of it
   * @throws TARGET_UNWRITABLE it must be changed and cannot be; nothing else is the worse for it
   */
  decide(tree: LiveTree, entry: Entry, options: { readonly timeIsOurs?: boolean } = {}): Decision {
    const stat = this.#stat;
    this.#timeIsOurs = options.timeIsOurs === true;
    const same: Decision = { entry, action: null, freed: null, unsure: false };
    const relative = tree.relative(entry.path);
    if (relative.length === 0) {
      statFd(tree.look.root, stat);
      if (this.#directory(tree, entry, tree.look.root)) return same;
      if (stat.unchangeable) throw immutable('it');
      return { ...same, action: 'metadata' };
    }
    const parent = tree.look.parentOf(relative);
    const fd = parent === null ? -errno.ENOENT : openAt(parent, lastName(relative), O.PATH | O.NOFOLLOW);
    if (parent === null || fd === -errno.ENOENT) return this.#missing(tree, entry, parent);
    if (fd < 0) throw unwritable(`cannot be looked at: ${errnoName(fd)}`);
    try {
      statFd(fd, stat);
      const { action, unsure } = this.#compare(tree, entry, fd);
      if (action === null) return same;
      this.#checkChangeable(parent, stat, action);
      if (action === 'metadata') return { entry, action, unsure, freed: usageOf(stat) };
      const freed = typeOf(stat) === fileType.directory ? null : this.loses(stat);
      return { entry, action, unsure, freed };
    } finally {
      closeFd(fd);
    }
  }

  /** True where the inode is what a group of links should be, in everything. `fd`: O_PATH. */
  isWanted(tree: LiveTree, entry: Entry, content: Content | null, fd: number, stat: Stat): boolean {
    if (tree.look.isForeign(stat) || typeOf(stat) !== typeOf(entry)) return false;
    if (tree.layered && isWhiteout(entry)) return this.#sameSpecial(entry, fd, stat);
    if (!sameMetadata(entry, stat) || !this.#sameXattrs(tree, entry, fd)) return false;
    if (typeOf(entry) !== fileType.regular) return this.#sameSpecial(entry, fd, stat);
    return content !== null && this.#sameContent({ ...entry, content }, fd, stat).same;
  }

  /** What has an entry's name now; null where nothing has. Valid for ever. */
  liveName(tree: LiveTree, entry: Entry): Stat | null {
    const parent = tree.look.parentOf(tree.relative(entry.path));
    const live = new Stat();
    return parent === null || statAt(parent, lastName(entry.path), live) < 0 ? null : live;
  }

  /** @throws TARGET_UNWRITABLE nothing new can take this name */
  checkPlace(tree: LiveTree, entry: Entry, live: Stat | null): void {
    const parent = tree.look.parentOf(tree.relative(entry.path));
    if (parent === null) return; // its directory is still to be made
    if (live !== null && tree.look.isForeign(live)) throw mountInTheWay();
    if (live !== null && typeOf(live) === fileType.directory) this.#checkReplaceable(tree, entry);
    if (live !== null) this.#checkChangeable(parent, live, 'replace');
    else statFd(parent, above);
    if (above.unchangeable) throw immutable('its directory');
  }

  #missing(tree: LiveTree, entry: Entry, parent: number | null): Decision {
    if (parent !== null) {
      this.checkPlace(tree, entry, null);
    }
    if (tree.layered && isWhiteout(entry) && this.#isHidden(tree, entry)) {
      return { entry, action: null, freed: null, unsure: false };
    }
    return this.absent(entry);
  }

  /** No lower layer has anything there, so that nothing needs to be hidden. */
  #isHidden(tree: LiveTree, entry: Entry): boolean {
    const parent = tree.write.parentOf(tree.relative(entry.path));
    return parent === null || statAt(parent, lastName(entry.path), above) === -errno.ENOENT;
  }

  #compare(tree: LiveTree, entry: Entry, fd: number): { action: InPlaceAction | null; unsure: boolean } {
    const stat = this.#stat;
    const sure = (action: InPlaceAction | null) => ({ action, unsure: false });
    if (tree.look.isForeign(stat)) {
      if ((entry.flags & entryFlags.contentsLeftOut) !== 0) return sure(null);
      throw mountInTheWay();
    }
    if (typeOf(stat) !== typeOf(entry)) {
      if (typeOf(stat) === fileType.directory) this.#checkReplaceable(tree, entry);
      return sure('replace');
    }
    if (typeOf(entry) === fileType.directory)
      return sure(this.#directory(tree, entry, fd) ? null : 'metadata');
    if (tree.layered && isWhiteout(entry)) return sure(this.#sameSpecial(entry, fd, stat) ? null : 'replace');
    if (stat.nlink - (this.#lost.get(inodeKey(stat)) ?? 0) > 1) return sure('replace');
    const metadata = sameMetadata(entry, stat) && this.#sameXattrs(tree, entry, fd);
    if (typeOf(entry) !== fileType.regular) {
      return sure(metadata && this.#sameSpecial(entry, fd, stat) ? null : 'replace');
    }
    const { same, unsure } = this.#sameContent(entry, fd, stat);
    if (!same) return { action: 'content', unsure };
    if (metadata) return sure(null);
    // Whoever owned it may still have it open for writing, and root's files are run by root.
    return sure(entry.uid === 0 && stat.uid !== 0 ? 'replace' : 'metadata');
  }

  #sameContent(entry: Entry, fd: number, stat: Stat): { same: boolean; unsure: boolean } {
    const { content } = entry;
    if ((content?.size ?? 0) !== stat.size) return { same: false, unsure: false };
    const trusted = this.#options.compareContents === 'when-times-differ' && sameTime(entry, stat);
    if (content === null || content.size === 0 || trusted) return { same: true, unsure: false };
    if (!this.#options.hash) return { same: false, unsure: true };
    return { same: sameContent(fd, content), unsure: false };
  }

  #sameSpecial(entry: Entry, fd: number, stat: Stat): boolean {
    if (typeOf(entry) === fileType.link) {
      const length = readLinkAt(fd, empty, targetBuffer);
      return length >= 0 && targetBuffer.subarray(0, length).equals(entry.target ?? Buffer.alloc(0));
    }
    return stat.rdevMajor === entry.rdevMajor && stat.rdevMinor === entry.rdevMinor;
  }

  /** Its metadata; with contents that are left out, of the entry alone. */
  #directory(tree: LiveTree, entry: Entry, fd: number): boolean {
    if (this.#timeIsOurs) setTime(this.#stat, entry);
    const same = sameMetadata(entry, this.#stat) && this.#sameXattrs(tree, entry, fd);
    if (!tree.layered) return same;
    const live = this.#xattrs(fd);
    if (isOpaque(live) && !isOpaque(entry.xattrs)) {
      const message =
        'it hides the lower layers, did not in the snapshot, and that cannot be changed through the mount';
      this.#options.warn('layer-kept', entry.path, message);
    }
    const hide = isOpaque(entry.xattrs) && !isOpaque(live);
    return same && !(hide && onlyInLowerLayers(tree, tree.relative(entry.path)).length > 0);
  }

  #sameXattrs(tree: LiveTree, entry: Entry, fd: number): boolean {
    const found = this.#xattrs(fd);
    if (!tree.layered) return sameXattrs(found, entry.xattrs);
    const plain = (one: Entry['xattrs'][number]): boolean => !isLayerXattr(one);
    return sameXattrs(found.filter(plain), entry.xattrs.filter(plain));
  }

  #xattrs(fd: number): Entry['xattrs'] {
    try {
      return this.#options.xattrs.read(magicPath(fd));
    } catch (error) {
      if (error instanceof XattrError) throw unwritable(error.message);
      throw error;
    }
  }

  #checkChangeable(parent: number, stat: Stat, action: InPlaceAction): void {
    if (stat.unchangeable) throw immutable('it');
    if (action === 'metadata') return;
    statFd(parent, above);
    if (above.unchangeable) throw immutable('its directory');
  }

  /** A directory that holds something makes room only where deleting was asked for. */
  #checkReplaceable(tree: LiveTree, entry: Entry): void {
    if (this.#options.delete) return;
    const fd = tree.look.directory(tree.relative(entry.path));
    if (fd !== null && listDirectory(fd).length > 0) throw directoryInTheWay();
  }
}

function setTime(stat: Stat, { mtimeSeconds, mtimeNanoseconds }: Entry): void {
  stat.mtimeSeconds = mtimeSeconds;
  stat.mtimeNanoseconds = mtimeNanoseconds;
}

export function directoryInTheWay(): Error {
  return unwritable('a directory that is not empty is in its place; add --delete to replace it');
}

export function immutable(what: string): Error {
  return unwritable(`${what} is immutable or append-only (see lsattr); take that away with chattr -i -a`);
}

/** Bytes of data that come from the snapshot. */
export const bytesOf = (entry: Entry, action: InPlaceAction | null): number =>
  action === null || action === 'metadata' || action === 'link' ? 0 : dataBytes(entry.content);

export const isLinked = (entry: Entry): boolean =>
  (entry.flags & entryFlags.linked) !== 0 && typeOf(entry) !== fileType.directory;
