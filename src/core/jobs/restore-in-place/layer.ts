/**
 * What differs where a tree is the upper layer of a mounted overlay and is written through the mount.
 *
 * The overlay's own attributes cannot be set there and come by themselves: a name removed above a lower layer
 * leaves a whiteout, a directory made over a whiteout is opaque. docs/decisions has the whole story.
 */

import { type Entry, fileType, typeOf, type Xattr } from '../../archive/entry.ts';
import { getXattr, type Stat, zName } from '../../filesystem/native.ts';
import { magicPath } from '../../filesystem/xattrs.ts';
import type { LiveTree } from './live-tree.ts';

const prefix = 'trusted.overlay.';
const opaque = Buffer.from('trusted.overlay.opaque');
const originName = zName('trusted.overlay.origin');
const opaqueName = zName('trusted.overlay.opaque');
const value = Buffer.allocUnsafeSlow(256);

export const isLayerXattr = (xattr: Xattr): boolean =>
  xattr.name.subarray(0, prefix.length).equals(Buffer.from(prefix));

export const isOpaque = (xattrs: readonly Xattr[]): boolean =>
  xattrs.some((one) => one.name.equals(opaque) && one.value.equals(Buffer.from('y')));

export const isOpaqueAt = (fd: number): boolean =>
  getXattr(magicPath(fd), opaqueName, value) === 1 && value[0] === 0x79;

export const isWhiteout = (entry: Entry): boolean =>
  typeOf(entry) === fileType.character && entry.rdevMajor === 0 && entry.rdevMinor === 0;

export const isWhiteoutStat = (stat: Stat): boolean =>
  (stat.mode & fileType.mask) === fileType.character && stat.rdevMajor === 0 && stat.rdevMinor === 0;

/** The entry as the mount can take it. */
export function withoutLayerXattrs(entry: Entry): Entry {
  if (!entry.xattrs.some(isLayerXattr)) return entry;
  return { ...entry, xattrs: entry.xattrs.filter((one) => !isLayerXattr(one)) };
}

/** True where the inode was copied up from a lower layer, under this name or another. */
const isCopiedUp = (fd: number): boolean => getXattr(magicPath(fd), originName, value) >= 0;

/**
 * Whether lower layers have something where the upper one has this inode, so that it hides that, or merges with it.
 * Where the layers cannot be read its origin decides, which goes with it under another name too.
 *
 * @param fd an O_PATH descriptor in the upper layer
 */
export function isAboveLower(tree: LiveTree, path: Buffer, fd: number, stat: Stat): boolean {
  const { lower } = tree;
  if (lower === null) return isWhiteoutStat(stat) || isCopiedUp(fd);
  const kind = lower.kindOf(tree.relative(path));
  return typeOf(stat) === fileType.directory ? kind === 'directory' && !isOpaqueAt(fd) : kind !== null;
}

/** Whether a directory of the upper layer that is opaque, or is to be, hides anything. */
export const hidesLower = (tree: LiveTree, path: Buffer): boolean =>
  tree.lower === null || tree.lower.showsWithin(tree.relative(path));
