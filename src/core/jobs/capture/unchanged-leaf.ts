/**
 * The short way past a name that did not change: one system call, and nothing made that the collector would have to
 * remove. A night has millions of them.
 */

import { fileType } from '../../archive/entry.ts';
import { directoryType } from '../../filesystem/directory.ts';
import { statAt } from '../../filesystem/native.ts';
import type { LeafContext } from './leaf-capture.ts';
import { cName, type Level } from './levels.ts';
import { nameSum } from './reread.ts';

/** Takes over what the parent has of a listed name. Where it returns false, nothing has happened yet. */
export function keepUnchanged(
  { context, log, stat, isForeign }: LeafContext,
  level: Level,
  name: string,
): boolean {
  if (!level.takesAll || name.endsWith(directoryType)) return false;
  const bytes = cName(name);
  const length = name.length - 2;
  if (statAt(level.fd, bytes, stat) < 0 || isForeign(stat)) return false;
  const type = stat.mode & fileType.mask;
  if (type === fileType.directory || !log.isAsBefore(level.prefixBytes, bytes, length, stat)) return false;
  const isDue =
    type === fileType.regular && log.hasKeptHash && context.isSumDue(nameSum(bytes, length, level.sum));
  if (isDue) return false;
  log.keep();
  return true;
}
