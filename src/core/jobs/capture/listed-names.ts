/** The names of a directory as the kernel lists them. */

import { isHoldfastError } from '../../errors.ts';
import { directoryType, listDirectory, plainName } from '../../filesystem/directory.ts';
import { closeFd } from '../../filesystem/native.ts';
import type { TreeContext } from './entry-log.ts';
import type { LeafContext } from './leaf-capture.ts';
import { cName, type ListedLevel } from './levels.ts';
import { askAhead } from './read-ahead.ts';
import { keepUnchanged } from './unchanged-leaf.ts';

/**
 * Passes what is as it was, or was given to another worker, up to a name that has to be looked at.
 *
 * @param takes whether no pattern leaves a path out
 * @returns that name, as it was listed; null at the end
 */
export function nextListed(
  leaf: LeafContext,
  level: ListedLevel,
  takes: (path: string) => boolean,
): string | null {
  const { context, log } = leaf;
  while (level.next < level.names.length) {
    askAhead(level, takes);
    const name = level.names[level.next++]!;
    if (level.given.size > 0 && level.given.delete(name)) {
      context.merge?.skipWithin(log.fullPath(level.prefix + plainName(name)));
      context.flushPages(true);
      continue;
    }
    if (!level.takesAll || name.endsWith(directoryType)) return name;
    if (!keepUnchanged(leaf, level, cName(name), name.length - 2, false)) return name;
  }
  return null;
}

/** Null, with a warning, where the kernel does not give the names. @throws TREE_UNREADABLE of the root of a tree */
export function listNames(fd: number, path: string, context: TreeContext): string[] | null {
  try {
    return listDirectory(fd);
  } catch (error) {
    if (!isHoldfastError(error) || error.code === 'RUN_FAILED' || path === '') {
      closeFd(fd);
      throw error;
    }
    context.warn('unreadable', path, `${error.message}; its contents are left out`);
    return null;
  }
}
