/**
 * The short way past a name that did not change: one system call, and nothing made that the collector would have to
 * remove. A night has millions of them. Small files that are to be read again pass as fast as they can be read.
 */

import { fileType } from '../../archive/entry.ts';
import { closeFd, O, openAt, statAt, statFd } from '../../filesystem/native.ts';
import { isSmall, smallHash } from './content-hash.ts';
import type { LeafContext } from './leaf-capture.ts';
import type { Level } from './levels.ts';

/**
 * Takes over what the parent has of a name. Where it returns false, nothing has happened yet.
 *
 * @param name ended by NUL behind its `length` bytes
 * @param isMet the merge is known to be at this name
 */
export function keepUnchanged(
  leaf: LeafContext,
  level: Level,
  name: Buffer,
  length: number,
  isMet: boolean,
): boolean {
  const { context, log, stat, isForeign } = leaf;
  if (statAt(level.fd, name, stat) < 0 || isForeign(stat)) return false;
  const type = stat.mode & fileType.mask;
  if (type === fileType.directory) return false;
  const isSame = isMet ? log.isAsRecorded(stat) : log.isAsBefore(level.prefixBytes, name, length, stat);
  if (!isSame) return false;
  if (type === fileType.regular && log.hasKeptHash && context.isDue(stat.inodeLow)) {
    if (!hasSmallContent(leaf, level.fd, name)) return false;
  }
  log.keep();
  return true;
}

/**
 * Reads a file that is to be read again. Whatever is unusual about it is left to the long way, with a false: that it
 * cannot be opened or read, is another by now, large, or has holes, and of course that it has other content.
 */
function hasSmallContent({ log, stat, isForeign }: LeafContext, dirfd: number, name: Buffer): boolean {
  if (!isSmall(stat)) return false;
  const fd = openAt(dirfd, name, O.NOFOLLOW | O.NONBLOCK | O.NOATIME);
  if (fd < 0) return false;
  try {
    if (statFd(fd, stat) < 0 || isForeign(stat) || !log.isAsRecorded(stat)) return false;
    // What has the recorded hash now is what was recorded, whoever writes to it meanwhile.
    return smallHash(fd, stat.size)?.equals(log.keptHash()!) === true;
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).errno !== 'number') throw error;
    return false;
  } finally {
    closeFd(fd);
  }
}
