/**
 * Where nothing is to be deleted: what the live tree hides of the lower layers besides the snapshot.
 *
 * An extra file is no loss; a file of a lower layer that the account showed, and shows no more, is one. Changes nothing.
 */

import { fileType, typeOf } from '../../archive/entry.ts';
import { listDirectory, plainName } from '../../filesystem/directory.ts';
import { closeFd, O, openAt, Stat, statFd, zName } from '../../filesystem/native.ts';
import { hidesLower, isAboveLower, isOpaqueAt } from './layer.ts';
import type { LiveTree } from './live-tree.ts';
import type { Removal } from './remove.ts';

/**
 * Goes into directories that lower layers have too, so as deep as those.
 *
 * @param directory an open one of the upper layer
 * @param path of `name` in it, with its tree
 */
export function tellHidden(
  tree: LiveTree,
  directory: number,
  { name, path }: { readonly name: Buffer; readonly path: Buffer },
  told: Pick<Removal, 'keeps' | 'keptLayer' | 'checkStop'>,
): void {
  told.checkStop();
  const fd = openAt(directory, zName(name), O.PATH | O.NOFOLLOW);
  if (fd < 0) return;
  try {
    const stat = new Stat();
    if (statFd(fd, stat) < 0 || tree.look.isForeign(stat)) return;
    const isDirectory = typeOf(stat) === fileType.directory;
    if (isDirectory && isOpaqueAt(fd)) {
      if (hidesLower(tree, path) && !told.keeps(path)) told.keptLayer(path);
      return;
    }
    if (!isAboveLower(tree, path, fd, stat) || told.keeps(path)) return;
    if (!isDirectory) {
      told.keptLayer(path);
      return;
    }
    const listing = openAt(fd, zName('.'), O.DIRECTORY | O.NOFOLLOW);
    if (listing < 0) return;
    try {
      for (const listed of listDirectory(listing)) {
        const child = Buffer.from(plainName(listed), 'latin1');
        tellHidden(tree, listing, { name: child, path: Buffer.concat([path, slash, child]) }, told);
      }
    } finally {
      closeFd(listing);
    }
  } finally {
    closeFd(fd);
  }
}

const slash = Buffer.from('/');
