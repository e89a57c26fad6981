/**
 * Opens the root of a tree, which alone can fail the whole of it.
 *
 * Whoever has a part of a tree opens its root by its path, at another time than the others. If another directory or file
 * system is there by then, what it holds must not pass for the tree's: linked files are told apart by device and number.
 */

import { HoldfastError } from '../../errors.ts';
import { stopWhereExhausted } from '../../filesystem/exhaustion.ts';
import {
  AT_FDCWD,
  closeFd,
  errnoName,
  O,
  openAt,
  type Stat,
  statFd,
  zName,
} from '../../filesystem/native.ts';
import { openFrom } from '../../filesystem/open-below.ts';
import type { CaptureTree } from './messages.ts';

export const deviceText = ({ deviceMajor, deviceMinor }: Stat): string => `${deviceMajor}:${deviceMinor}`;

/**
 * @param mark what the root was when it was opened first, in whatever thread: that must come before all other openings
 * @param stat is filled with what the root is
 * @returns a descriptor, the caller's to close
 * @throws TREE_UNREADABLE the root cannot be opened, is not the one that it was, or not on the device that was numbered
 * @throws RUN_FAILED descriptors or memory ran out
 */
export function openRoot({ name, path, seenOn }: CaptureTree, mark: Uint32Array, stat: Stat): number {
  const root = openAt(AT_FDCWD, zName(path), O.DIRECTORY | O.NOFOLLOW);
  const rc = root < 0 ? root : statFd(root, stat);
  const isAsSeen = rc >= 0 && (seenOn === undefined || seenOn === deviceText(stat));
  if (isAsSeen && isAsMarked(mark, stat)) return root;
  if (root >= 0) closeFd(root);
  if (rc >= 0) throw replaced(name);
  stopWhereExhausted(rc);
  throw new HoldfastError('TREE_UNREADABLE', `cannot open tree ${name}: ${errnoName(rc)}`, {
    hint: 'Check that the path exists, is a directory and is mounted.',
  });
}

/** Marks a root that none was opened of before. The mount counts too: a device's number goes to the next one. */
function isAsMarked(mark: Uint32Array, stat: Stat): boolean {
  const { deviceMajor, deviceMinor, inodeLow, inodeHigh, mountLow, mountHigh } = stat;
  const found = [deviceMajor, deviceMinor, inodeLow, inodeHigh, mountLow, mountHigh];
  if (mark.every((word) => word === 0)) mark.set(found);
  return mark.every((word, i) => word === found[i]);
}

const replaced = (name: string): HoldfastError =>
  new HoldfastError('TREE_UNREADABLE', `another directory or file system took the place of tree ${name}`, {
    hint: 'Run the backup again when nothing is mounted, unmounted or replaced there.',
  });

/** Opens the directory that holds a path below an open root, in place of the root. @returns a descriptor, or the negated errno */
export function openAbove(root: number, path: string): number {
  const end = path.lastIndexOf('/');
  if (end <= 0) return root;
  const fd = openFrom(root, Buffer.from(path.slice(0, end), 'latin1'), O.DIRECTORY | O.NOFOLLOW);
  closeFd(root);
  return fd;
}
