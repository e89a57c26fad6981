/**
 * What must happen to one path so that it is as the snapshot has it. Looks, and changes nothing.
 *
 * The same decisions make the plan, the dry run and the real run, so that their lists are equal.
 */

import { dataBytes, type Entry, entryFlags, fileType, typeOf } from '../../archive/entry.ts';
import { listDirectory } from '../../filesystem/directory.ts';
import { isUnchangeable } from '../../filesystem/inode-flags.ts';
import { closeFd, errno, errnoName, O, openAt, Stat, statAt, statFd } from '../../filesystem/native.ts';
import { isAbsent, openToRead } from '../../filesystem/open-to-read.ts';
import { lastName } from '../../filesystem/write-entry.ts';
import { sameMetadata } from './compare.ts';
import { Comparer, type ComparerOptions } from './comparer.ts';
import { hidesLower, isOpaque, isWhiteout } from './layer.ts';
import type { LiveTree } from './live-tree.ts';
import { onlyInLowerLayers } from './lower-names.ts';
import { directoryInTheWay, immutable, mountInTheWay, unwritable } from './obstacles.ts';
import { mayDescribe, mayDescribeDirectory, sameButTime, strangersDirectory } from './ownership.ts';
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
  /** The inode that was looked at, where its metadata is to change; none where what was decided before changes it. */
  readonly seen?: Seen | null;
}

/** One state of one inode. */
export type Seen = Pick<Stat, 'inode' | 'deviceMajor' | 'deviceMinor' | 'ctimeSeconds' | 'ctimeNanoseconds'>;

export interface DeciderOptions extends ComparerOptions {
  readonly delete: boolean;
  readonly warn: (code: string, path: Buffer, message: string) => void;
}

const above = new Stat();
const inodeKey = (stat: Stat): string => `${stat.deviceMajor}:${stat.deviceMinor}:${stat.inode}`;
const seenOf = ({ inode, deviceMajor, deviceMinor, ctimeSeconds, ctimeNanoseconds }: Stat): Seen => ({
  ...{ inode, deviceMajor, deviceMinor, ctimeSeconds, ctimeNanoseconds },
});
const usageOf = (stat: Stat): Usage => ({ uid: stat.uid, gid: stat.gid, bytes: stat.blocks * 512 });

export class Decider {
  readonly comparer: Comparer;
  readonly #options: DeciderOptions;
  /** Names that inodes lose by decisions not yet carried out. */
  readonly #lost = new Map<string, number>();
  readonly #stat = new Stat();
  #timeIsOurs = false;

  constructor(options: DeciderOptions) {
    this.#options = options;
    this.comparer = new Comparer(options);
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

  absent(tree: LiveTree, entry: Entry): Decision {
    tree.expect(entry);
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
      if (isUnchangeable(stat)) throw immutable('it');
      return { ...same, action: 'metadata' };
    }
    const parent = tree.look.parentOf(relative);
    const fd = parent === null ? -errno.ENOENT : openAt(parent, lastName(relative), O.PATH | O.NOFOLLOW);
    if (parent !== null && !tree.look.isClosed(parent)) tree.expect(entry);
    if (parent === null || fd === -errno.ENOENT) return this.#missing(tree, entry, parent);
    if (fd < 0) throw unwritable(`cannot be looked at: ${errnoName(fd)}`);
    try {
      const rc = statFd(fd, stat);
      if (rc < 0) throw unwritable(`cannot be looked at: ${errnoName(rc)}`);
      const { action, unsure } = this.#compare(tree, entry, fd, parent);
      if (action === null) return same;
      this.#checkChangeable(parent, stat, action);
      if (action === 'metadata') {
        const seen = this.#lost.has(inodeKey(stat)) ? null : seenOf(stat);
        return { entry, action, unsure, freed: usageOf(stat), seen };
      }
      const freed = typeOf(stat) === fileType.directory ? null : this.loses(stat);
      return { entry, action, unsure, freed };
    } finally {
      closeFd(fd);
    }
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
    if (live !== null && typeOf(live) === fileType.directory) this.#checkReplaceable(tree, parent, entry);
    if (live !== null) this.#checkChangeable(parent, live, 'replace');
    else statFd(parent, above);
    if (isUnchangeable(above)) throw immutable('its directory');
  }

  #missing(tree: LiveTree, entry: Entry, parent: number | null): Decision {
    if (parent !== null) this.checkPlace(tree, entry, null);
    if (tree.layered && isWhiteout(entry) && this.#isHidden(tree, entry)) {
      return { entry, action: null, freed: null, unsure: false };
    }
    return this.absent(tree, entry);
  }

  /** No lower layer has anything there, so that nothing needs to be hidden. */
  #isHidden(tree: LiveTree, entry: Entry): boolean {
    const parent = tree.write.parentOf(tree.relative(entry.path));
    return parent === null || statAt(parent, lastName(entry.path), above) === -errno.ENOENT;
  }

  #compare(
    tree: LiveTree,
    entry: Entry,
    fd: number,
    parent: number,
  ): { action: InPlaceAction | null; unsure: boolean } {
    const stat = this.#stat;
    const sure = (action: InPlaceAction | null) => ({ action, unsure: false });
    const closed = tree.look.isClosed(parent);
    if (tree.look.isForeign(stat)) {
      if ((entry.flags & entryFlags.contentsLeftOut) !== 0) return sure(null);
      throw mountInTheWay();
    }
    if (typeOf(stat) !== typeOf(entry)) {
      if (typeOf(stat) === fileType.directory) this.#checkReplaceable(tree, parent, entry);
      if (typeOf(entry) === fileType.directory) this.#warnOfHidden(tree, entry);
      return sure('replace');
    }
    if (typeOf(entry) === fileType.directory) {
      if (this.#directory(tree, entry, fd)) return sure(null);
      const onlyTime = sameButTime(entry, stat) && this.comparer.attributes(tree, entry, fd);
      if (onlyTime || mayDescribeDirectory(entry, stat, closed)) return sure('metadata');
      throw strangersDirectory(entry, stat);
    }
    if (tree.layered && isWhiteout(entry))
      return sure(this.comparer.special(entry, fd, stat) ? null : 'replace');
    if (stat.nlink - (this.#lost.get(inodeKey(stat)) ?? 0) > 1) return sure('replace');
    const metadata = sameMetadata(entry, stat) && this.comparer.attributes(tree, entry, fd);
    if (typeOf(entry) !== fileType.regular) {
      return sure(metadata && this.comparer.special(entry, fd, stat) ? null : 'replace');
    }
    const { same, unsure } = this.comparer.content(entry, fd, stat);
    if (!same) return { action: 'content', unsure };
    if (metadata) return sure(null);
    // Of another owner it may be somebody's secret, or be open for writing in somebody's hands.
    return sure(mayDescribe(entry, stat, closed) ? 'metadata' : 'replace');
  }

  /** Its metadata; with contents that are left out, of the entry alone. */
  #directory(tree: LiveTree, entry: Entry, fd: number): boolean {
    if (this.#timeIsOurs) setTime(this.#stat, entry);
    const same = sameMetadata(entry, this.#stat) && this.comparer.attributes(tree, entry, fd);
    if (!tree.layered) return same;
    const live = this.comparer.read(fd);
    if (isOpaque(live)) this.#warnOfHidden(tree, entry);
    const hide = isOpaque(entry.xattrs) && !isOpaque(live);
    return same && !(hide && onlyInLowerLayers(tree, tree.relative(entry.path)).length > 0);
  }

  /** Of a directory that is opaque, or will be: over a whiteout or a file the mount makes no other. */
  #warnOfHidden(tree: LiveTree, entry: Entry): void {
    if (!tree.layered || isOpaque(entry.xattrs) || !hidesLower(tree, entry.path)) return;
    const message =
      'it hides the lower layers, did not in the snapshot, and that cannot be changed through the mount';
    this.#options.warn('layer-kept', entry.path, message);
  }

  #checkChangeable(parent: number, stat: Stat, action: InPlaceAction): void {
    if (isUnchangeable(stat)) throw immutable('it');
    if (action === 'metadata') return;
    statFd(parent, above);
    if (isUnchangeable(above)) throw immutable('its directory');
  }

  /** A directory that holds something makes room only where deleting was asked for. */
  #checkReplaceable(tree: LiveTree, parent: number, entry: Entry): void {
    if (this.#options.delete) return;
    const fd = openToRead(parent, lastName(entry.path), above, (stat) => !tree.look.isForeign(stat));
    if (isAbsent(fd)) return;
    if (fd === -errno.EXDEV) throw mountInTheWay();
    if (fd < 0) throw unwritable(`the directory in its place cannot be opened: ${errnoName(fd)}`);
    try {
      if (listDirectory(fd).length > 0) throw directoryInTheWay();
    } finally {
      closeFd(fd);
    }
  }
}

function setTime(stat: Stat, { mtimeSeconds, mtimeNanoseconds }: Entry): void {
  stat.mtimeSeconds = mtimeSeconds;
  stat.mtimeNanoseconds = mtimeNanoseconds;
}

/** Bytes of data that come from the snapshot. */
export const bytesOf = (entry: Entry, action: InPlaceAction | null): number =>
  action === null || action === 'metadata' || action === 'link' ? 0 : dataBytes(entry.content);

export const isLinked = (entry: Entry): boolean =>
  (entry.flags & entryFlags.linked) !== 0 && typeOf(entry) !== fileType.directory;
