/**
 * The names of a directory that has not changed since the parent snapshot, from the parent's index.
 *
 * A directory has another ctime whenever a name comes, goes or is renamed in it. So where the parent has every name
 * that was there, the kernel need not list it again: that saves reading the names, sorting them, and a string
 * for each. A share of the directories is listed in each run all the same, as of files that are read; so is one where
 * a recorded name is not found though it has not changed: keys of an encrypted directory come and go without a trace.
 */

import { fileType, typeOf } from '../../archive/entry.ts';
import { isHoldfastError } from '../../errors.ts';
import { listAnew, plainName } from '../../filesystem/directory.ts';
import type { TreeContext } from './entry-log.ts';
import type { LeafContext } from './leaf-capture.ts';
import { isUnchanged, type Level, nameBuffer } from './levels.ts';
import { keepUnchanged } from './unchanged-leaf.ts';

/**
 * Passes what is as it was, up to a name that has to be looked at.
 *
 * @returns that name, ended by NUL; null at the end, or where the directory is listed from here on
 */
export function nextToCapture(leaf: LeafContext, level: Level): string | null {
  const { context, log } = leaf;
  const merge = context.merge!;
  const last = level.last === null ? null : log.fullPath(level.prefix + level.last);
  if (last !== null && merge.isAtPath(last)) {
    // Nothing came of it, and no name has gone: so the parent's names are not those that are here.
    if (isUnchanged(level)) {
      if (level.next === 1) level.last = null;
      listAfterAll(level, context);
      if (level.names !== null) return null;
    }
    merge.leave(last);
  }
  for (;;) {
    const length = merge.nextIn(level.prefixBytes, nameBuffer);
    if (length < 0) return null;
    level.next++;
    if (level.takesAll && typeOf(merge.record) !== fileType.directory) {
      if (keepUnchanged(leaf, level, nameBuffer, length, true)) continue;
    }
    level.last = nameBuffer.toString('latin1', 0, length);
    return `${level.last}\0`;
  }
}

/**
 * Lists a directory after all that was walked by recorded names so far. Where the kernel refuses, with a warning, those
 * are what is left, and it is not asked again.
 */
export function listAfterAll(level: Level, { warn }: Pick<TreeContext, 'warn'>): void {
  if (level.refused) return;
  try {
    const names = listAnew(level.fd);
    const { last } = level;
    const next = last === null ? 0 : names.findIndex((name) => plainName(name) > last);
    level.next = next < 0 ? names.length : next;
    level.searched = names.length;
    level.names = names;
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'TREE_UNREADABLE') throw error;
    level.refused = true;
    const message = `${error.message}; of its names those of the snapshot before are captured`;
    warn('unreadable', level.prefix.slice(0, -1), message);
  }
}
