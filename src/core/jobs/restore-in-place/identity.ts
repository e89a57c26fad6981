/**
 * Whether what a name leads to now is the inode that was decided on.
 *
 * A mounted overlay gives inodes numbers of its own: there, the two sides are compared by what no unprivileged
 * process can make equal, the instant of the last change among it.
 */

import { closeFd, O, openAt, Stat, statAt, statFd } from '../../filesystem/native.ts';
import { lastName } from '../../filesystem/write-entry.ts';
import type { Seen } from './decide.ts';
import type { Base, Inode } from './link-groups.ts';
import type { Side } from './live-tree.ts';

const found = new Stat();
const looked = new Stat();

export const isInode = (stat: Inode, { inode, deviceMajor, deviceMinor }: Inode): boolean =>
  stat.inode === inode && stat.deviceMajor === deviceMajor && stat.deviceMinor === deviceMinor;

export const isSeen = (stat: Stat, seen: Seen): boolean =>
  isInode(stat, seen) &&
  stat.ctimeSeconds === seen.ctimeSeconds &&
  stat.ctimeNanoseconds === seen.ctimeNanoseconds;

/** As `isSeen`, of what a name leads to. */
export function isAt(side: Side, relative: Buffer, seen: Seen): boolean {
  const parent = side.parentOf(relative);
  return parent !== null && statAt(parent, lastName(relative), looked) === 0 && isSeen(looked, seen);
}

/** `fd`: O_PATH, of the name of a linked file where its tree is written. */
export function isBase({ tree, path, looked: base, made }: Base, fd: number): boolean {
  if (base === null || statFd(fd, found) < 0) return false;
  if (made !== null) return isInode(found, made);
  if (!tree.layered) return isInode(found, base);
  const relative = tree.relative(path);
  const parent = tree.look.parentOf(relative);
  const look = parent === null ? -1 : openAt(parent, lastName(relative), O.PATH | O.NOFOLLOW);
  if (look < 0) return false;
  const known = statFd(look, looked) === 0 && isInode(looked, base);
  closeFd(look);
  const same = (['mode', 'uid', 'gid', 'size', 'ctimeSeconds', 'ctimeNanoseconds'] as const).every(
    (field) => found[field] === looked[field],
  );
  return known && same;
}
