/**
 * The short way into a directory that did not change: it is looked at by a descriptor that reads nothing (`O_PATH`), which
 * then finds what is in it. So it needs no look before; and that opens nothing of a file system that somebody mounted there.
 */

import { fileType, typeOf } from '../../archive/entry.ts';
import { closeFd, O, openAt, statFd } from '../../filesystem/native.ts';
import type { LeafContext } from './leaf-capture.ts';
import { depthProblem, type Level, nameBuffer } from './levels.ts';

/** Where e2fsck and xfs_repair put what they find, without a new ctime. */
const isFilledByRepair = (path: string): boolean => path === 'lost+found' || path.endsWith('/lost+found');

/** Whether the directory that `stat` describes, and that the merge is at, still has the names that the parent has. */
export const hasRecordedNames = ({ context, log, stat }: LeafContext, path: string): boolean =>
  !context.isDue(stat.inodeLow) && !isFilledByRepair(path) && log.isAsRecorded(stat);

/**
 * Opens the directory that the merge is at, whose name is in `nameBuffer`, and keeps its record; `stat` describes it then.
 *
 * @returns a descriptor that finds names and reads none; -1 where the long way has to be gone, and nothing has happened yet
 */
export function enterUnchanged(leaf: LeafContext, level: Level, path: string): number {
  const { context, log, stat, isForeign } = leaf;
  if (!level.takesAll || typeOf(context.merge!.record) !== fileType.directory) return -1;
  if (depthProblem(path, level.depth + 1) !== null) return -1;
  const fd = openAt(level.fd, nameBuffer, O.PATH | O.NOFOLLOW);
  if (fd < 0) return -1;
  try {
    if (statFd(fd, stat) === 0 && !isForeign(stat) && hasRecordedNames(leaf, path)) {
      context.checkStop();
      context.flushPages(false);
      log.keep();
      return fd;
    }
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  closeFd(fd);
  return -1;
}
