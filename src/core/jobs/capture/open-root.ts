/** Opens the root of a tree, which alone can fail the whole of it. */

import { HoldfastError } from '../../errors.ts';
import { stopWhereExhausted } from '../../filesystem/exhaustion.ts';
import { AT_FDCWD, closeFd, errnoName, O, openAt, type Stat, statFd } from '../../filesystem/native.ts';
import { openFrom } from '../../filesystem/open-below.ts';
import type { CaptureTree } from './messages.ts';

/**
 * @param stat is filled with what the root is
 * @returns a descriptor, the caller's to close
 * @throws TREE_UNREADABLE the root cannot be opened
 * @throws RUN_FAILED descriptors or memory ran out
 */
export function openRoot({ name, path }: CaptureTree, stat: Stat): number {
  const root = openAt(AT_FDCWD, Buffer.from(`${path}\0`), O.DIRECTORY | O.NOFOLLOW);
  if (root < 0) stopWhereExhausted(root);
  if (root >= 0 && statFd(root, stat) >= 0) return root;
  throw new HoldfastError('TREE_UNREADABLE', `cannot open tree ${name}: ${errnoName(root)}`, {
    hint: 'Check that the path exists, is a directory and is mounted.',
  });
}

/** Opens the directory that holds a path below an open root, in place of the root. @returns a descriptor, or the negated errno */
export function openAbove(root: number, path: string): number {
  const end = path.lastIndexOf('/');
  if (end <= 0) return root;
  const fd = openFrom(root, Buffer.from(path.slice(0, end), 'latin1'), O.DIRECTORY | O.NOFOLLOW);
  closeFd(root);
  return fd;
}
