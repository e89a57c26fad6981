/**
 * Changes the metadata of live inodes, once it is sure that they are those that were decided on and may be changed.
 */

import { type Entry, fileType, typeOf } from '../../archive/entry.ts';
import { closeFd, errnoName, O, openAt, Stat, statFd } from '../../filesystem/native.ts';
import { setMtime } from '../../filesystem/set-mtime.ts';
import { chmodInode, lastName } from '../../filesystem/write-entry.ts';
import type { Seen } from './decide.ts';
import { isAt, isSeen } from './identity.ts';
import type { LiveTree } from './live-tree.ts';
import { unwritable } from './obstacles.ts';
import { mayDescribe, mayDescribeDirectory, sameButTime, strangersDirectory } from './ownership.ts';

const stat = new Stat();

/**
 * @param apply is given an O_PATH descriptor: somebody's lease on the file holds up whoever opens it
 * @throws TARGET_UNWRITABLE it is another inode by now, is not as it was, or is shared
 */
export function describeFile(tree: LiveTree, entry: Entry, seen: Seen, apply: (fd: number) => void): void {
  const parent = tree.writableParent(entry.path);
  const path = openAt(parent, lastName(entry.path), O.PATH | O.NOFOLLOW);
  if (path < 0) throw unwritable(`cannot be reached: ${errnoName(path)}`);
  try {
    statFd(path, stat);
    const plain = typeOf(stat) === fileType.regular && stat.nlink === 1 && !tree.write.isForeign(stat);
    const right = tree.layered ? isAt(tree.look, tree.relative(entry.path), seen) : isSeen(stat, seen);
    if (!plain || !right || !mayDescribe(entry, stat, tree.write.isClosed(parent)))
      throw unwritable('was changed or replaced meanwhile');
    closeToGroups(path, entry);
    apply(path);
  } finally {
    closeFd(path);
  }
}

/** Where it is a stranger's, and right but for its time, it gets that alone. @throws TARGET_UNWRITABLE it needs more */
export function describeDirectory(tree: LiveTree, entry: Entry, apply: (fd: number) => void): void {
  const relative = tree.relative(entry.path);
  const parent = relative.length === 0 ? null : tree.write.parentOf(relative);
  const closed = relative.length === 0 || (parent !== null && tree.write.isClosed(parent));
  const fd = tree.writableDirectory(entry.path);
  statFd(fd, stat);
  if (mayDescribeDirectory(entry, stat, closed)) {
    closeToGroups(fd, entry);
    apply(fd);
  } else if (!sameButTime(entry, stat)) throw strangersDirectory(entry, stat);
  else setMtime(fd, fd, entry);
}

/** What `stat` shows is to get another group, which must not have the rights of the one before for a moment. Where this is refused, so is that. */
function closeToGroups(fd: number, { gid }: Entry): void {
  if (gid !== stat.gid) chmodInode(fd, stat.mode & 0o7707);
}
