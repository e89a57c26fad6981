/**
 * The short way past a name that did not change: one system call, and nothing made that the collector would have to
 * remove. A night has millions of them.
 */

import { fileType } from '../../archive/entry.ts';
import { statAt } from '../../filesystem/native.ts';
import type { LeafContext } from './leaf-capture.ts';
import type { Level } from './levels.ts';

/**
 * Takes over what the parent has of a name. Where it returns false, nothing has happened yet.
 *
 * @param name ended by NUL behind its `length` bytes
 * @param isMet the merge is known to be at this name
 */
export function keepUnchanged(
  { context, log, stat, isForeign }: LeafContext,
  level: Level,
  name: Buffer,
  length: number,
  isMet: boolean,
): boolean {
  if (statAt(level.fd, name, stat) < 0 || isForeign(stat)) return false;
  const type = stat.mode & fileType.mask;
  if (type === fileType.directory) return false;
  const isSame = isMet ? log.isAsRecorded(stat) : log.isAsBefore(level.prefixBytes, name, length, stat);
  if (!isSame) return false;
  if (type === fileType.regular && log.hasKeptHash && context.isDue(stat.inodeLow)) return false;
  log.keep();
  return true;
}
