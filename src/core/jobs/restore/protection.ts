/**
 * What `chattr` had set, which forbids changes: it comes when all else is there, and goes before a restore goes on.
 *
 * Where something could not be restored it waits for `resume`, which could make nothing below an immutable directory.
 */

import { type Entry, fileType, inodeFlags, typeOf } from '../../archive/entry.ts';
import { setInodeFlags } from '../../filesystem/inode-flags.ts';
import { closeFd, errnoName, O, openAt } from '../../filesystem/native.ts';
import { openFrom } from '../../filesystem/open-below.ts';
import type { RestoreOutlet } from './entry-restorer.ts';

const toSet = O.RDONLY | O.NOFOLLOW | O.NONBLOCK;

/** Whether `chattr` had set something of an entry that can have it. */
export const isProtected = (entry: Entry): boolean =>
  (entry.flags & inodeFlags) !== 0 &&
  (typeOf(entry) === fileType.regular || typeOf(entry) === fileType.directory);

/**
 * @param target the directory that is restored into
 * @param isWhole everything of the trees is there
 */
export function protect(target: number, entry: Entry, isWhole: boolean, outlet: RestoreOutlet): void {
  const refused = (why: string): void =>
    outlet.warn('flags-refused', entry.path, `what chattr had set: ${why}`);
  if (!isWhole) {
    refused('waits until all is restored');
    return;
  }
  const fd = openFrom(target, entry.path, toSet);
  const rc = fd < 0 ? fd : setInodeFlags(fd, entry.flags);
  if (fd >= 0) closeFd(fd);
  if (rc < 0) refused(errnoName(rc));
}

/** Takes away what an earlier run has set of a name in an open directory, as far as that is there. */
export function unprotect(dirfd: number, name: Buffer): void {
  const fd = openAt(dirfd, name, toSet);
  if (fd < 0) return;
  setInodeFlags(fd, 0);
  closeFd(fd);
}
