/** The open directories of a walk, and names as the walk hands them to the kernel. */

import { fileType, typeOf } from '../../archive/entry.ts';
import { errno, Stat, statFd } from '../../filesystem/native.ts';

export interface Level {
  readonly fd: number;
  /** Null as long as it is walked by the names that the parent has, see `recorded-names.ts`. */
  names: readonly string[] | null;
  /** Path of the directory relative to the root, ending in `/`; empty for the root. */
  readonly prefix: string;
  /** Number of its components. */
  readonly depth: number;
  /** The same with the name of the tree before it, as bytes. */
  readonly prefixBytes: Buffer;
  /** No pattern speaks of what lies in it. */
  readonly takesAll: boolean;
  next: number;
  /** As long as there are no names: the one that was captured last, of which something may be left to do. */
  last: string | null;
  /** Names before this one have been asked for, see `askAhead`; the next are asked for when the walk gets to `askAgain`. */
  asked: number;
  askAgain: number;
  /** The kernel does not give the names. */
  refused: boolean;
  /** Of the directory as it was before its names were read. */
  readonly ctimeSeconds: number;
  readonly ctimeNanoseconds: number;
  /** The parent has nothing of what the directory holds, so that all of it is to be captured. */
  readonly isNew: boolean;
  /** Without names: whether it is large has been asked. */
  judged: boolean;
  /** Names from this one on are no directories that could be handed over. */
  searched: number;
  /** Names from `next` on that were handed over, newest first. */
  readonly given: Set<string>;
}

/** One that the walk has just entered, and whose inode `stat` describes. */
export const levelOf = (
  entered: Pick<Level, 'fd' | 'names' | 'prefix' | 'depth' | 'prefixBytes' | 'takesAll' | 'isNew'>,
  { ctimeSeconds, ctimeNanoseconds }: Stat,
): Level => ({
  ...entered,
  ctimeSeconds,
  ctimeNanoseconds,
  refused: false,
  next: 0,
  last: null,
  asked: 0,
  askAgain: 0,
  judged: false,
  searched: entered.names?.length ?? 0,
  given: new Set(),
});

/** One whose names have been listed. */
export type ListedLevel = Level & { readonly names: readonly string[] };

export const isListed = (level: Level): level is ListedLevel => level.names !== null;

const scratch = new Stat();

/** No name has come or gone since the walk entered it, as far as a directory tells. */
export const isUnchanged = ({ fd, ctimeSeconds, ctimeNanoseconds }: Level): boolean =>
  statFd(fd, scratch) === 0 &&
  scratch.ctimeSeconds === ctimeSeconds &&
  scratch.ctimeNanoseconds === ctimeNanoseconds;

/** Longer than any name: FUSE allows a kilobyte. */
export const nameBuffer = Buffer.alloc(2048);

/** `name` is latin1, possibly followed by NUL and more. Valid until the next call. */
export function cName(name: string): Buffer {
  for (let i = 0; i < name.length; i++) nameBuffer[i] = name.charCodeAt(i);
  nameBuffer[name.length] = 0;
  return nameBuffer;
}

/** Number of components of a path that is not empty. */
export function depthOf(path: string): number {
  let depth = 1;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) depth++;
  return depth;
}

/**
 * True for an inode on another file system, or under another mount, than the root of the tree. Where the kernel tells
 * of mounts, the device counts for directories alone (subvolumes of btrfs are no mounts): on an overlay of several file
 * systems, each file shows one of its layer's own.
 */
export function isElsewhere(stat: Stat, root: Stat): boolean {
  if (stat.isOnOtherMount(root)) return true;
  const told = stat.tellsMount && typeOf(stat) !== fileType.directory;
  return !told && !stat.isOnDevice(root);
}

/** Why no directory opens by a name that was one. */
export const isReplaced = (rc: number): boolean => rc === -errno.ENOTDIR || rc === -errno.ELOOP;

/** Deeper directories are left out with a warning: each level holds a descriptor. */
const depthLimit = 10_000;
/** Bytes of a path, for the same reason: paths are held whole, and the tar repeats them for every entry below. */
const pathLimit = 128 * 1024;

/** Why what a directory holds is left out; null where it is not too deep. */
export function depthProblem(path: string, depth: number): string | null {
  if (depth >= depthLimit) return `lies more than ${depthLimit} levels deep; its contents are left out`;
  if (path.length <= pathLimit) return null;
  return `has a path of more than ${pathLimit} bytes; its contents are left out`;
}
