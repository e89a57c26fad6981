/**
 * The names of a directory that has not changed since the parent snapshot, from the parent's index.
 *
 * A directory has another ctime whenever a name comes, goes or is renamed in it. So where the parent has every name
 * that was there, the kernel need not list it again: that saves reading the names, sorting them, and a string
 * for each. A share of the directories is listed in each run all the same, as of files that are read.
 */

import { fileType, typeOf } from '../../archive/entry.ts';
import { isHoldfastError } from '../../errors.ts';
import { listDirectory, plainName } from '../../filesystem/directory.ts';
import type { LeafContext } from './leaf-capture.ts';
import { type Level, nameBuffer } from './levels.ts';
import { keepUnchanged } from './unchanged-leaf.ts';

/** Passes what is as it was, up to a name that has to be looked at. @returns that name, ended by NUL; null at the end */
export function nextToCapture(leaf: LeafContext, level: Level): string | null {
  const { context, log } = leaf;
  const merge = context.merge!;
  // Nothing came of it: it is gone, or cannot be captured.
  if (level.last !== null) merge.leave(log.fullPath(level.prefix + level.last));
  for (;;) {
    const length = merge.nextIn(level.prefixBytes, nameBuffer);
    if (length < 0) return null;
    if (level.takesAll && typeOf(merge.record) !== fileType.directory) {
      if (keepUnchanged(leaf, level, nameBuffer, length, true)) continue;
    }
    level.last = nameBuffer.toString('latin1', 0, length);
    return `${level.last}\0`;
  }
}

/** Lists a directory after all that was walked by recorded names so far. Left as it is where the kernel refuses. */
export function listAfterAll(level: Level): void {
  try {
    const names = listDirectory(level.fd);
    const { last } = level;
    const next = last === null ? 0 : names.findIndex((name) => plainName(name) > last);
    level.next = next < 0 ? names.length : next;
    level.searched = names.length;
    level.names = names;
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'TREE_UNREADABLE') throw error;
  }
}
