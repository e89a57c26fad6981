/**
 * What `chattr` had set, which forbids changes: it comes when all else is there, and goes before a restore goes on.
 *
 * Where something could not be restored it waits for `resume`, which could make nothing below an immutable directory.
 */

import { type Entry, entryFlags, fileType, inodeFlags, typeOf } from '../../archive/entry.ts';
import { setInodeFlags } from '../../filesystem/inode-flags.ts';
import { closeFd, errnoName, O, openAt } from '../../filesystem/native.ts';
import { PathsInOrder } from '../../filesystem/open-below.ts';
import type { RestoreOutlet } from './entry-restorer.ts';

const forbidding = entryFlags.immutable | entryFlags.appendOnly;
const toSet = O.RDONLY | O.NOFOLLOW | O.NONBLOCK;

/** Whether `chattr` had set something of an entry that can have it. */
export const isProtected = (entry: Entry): boolean =>
  (entry.flags & inodeFlags) !== 0 &&
  (typeOf(entry) === fileType.regular || typeOf(entry) === fileType.directory);

/**
 * Whether it comes when all else is there: what forbids changes, and all that a directory hands down to files that are
 * made in it. That a file is left out by dump does neither: any customer can set it, and each path that waits costs a walk.
 */
export const isProtectedLast = (entry: Entry): boolean =>
  isProtected(entry) && ((entry.flags & forbidding) !== 0 || typeOf(entry) === fileType.directory);

/** Sets it of an open file, unless it comes last. */
export function protectFile(fd: number, entry: Entry, outlet: Pick<RestoreOutlet, 'warn'>): void {
  if (isProtected(entry) && !isProtectedLast(entry)) setFlags(fd, entry, outlet);
}

/** As `protectFile`, of a name in an open directory. */
export function protectName(
  dirfd: number,
  name: Buffer,
  entry: Entry,
  outlet: Pick<RestoreOutlet, 'warn'>,
): void {
  if (!isProtected(entry) || isProtectedLast(entry)) return;
  const fd = openAt(dirfd, name, toSet);
  setFlags(fd, entry, outlet);
  if (fd >= 0) closeFd(fd);
}

/**
 * Sets all that comes last.
 *
 * @param target the directory that is restored into
 * @param entries mostly in path order
 * @param isWhole everything of the trees is there
 */
export async function protect(
  target: number,
  entries: AsyncIterable<Entry>,
  {
    isWhole,
    outlet,
    signal,
  }: { readonly isWhole: boolean; readonly outlet: RestoreOutlet; readonly signal: AbortSignal },
): Promise<void> {
  const paths = new PathsInOrder(target);
  try {
    for await (const entry of entries) {
      signal.throwIfAborted();
      if (!isWhole) {
        refused(entry, 'waits until all is restored', outlet);
        continue;
      }
      const fd = paths.open(entry.path, toSet);
      setFlags(fd, entry, outlet);
      if (fd >= 0) closeFd(fd);
    }
  } finally {
    paths.close();
  }
}

/** `fd`: a descriptor, or the negated errno of opening it. */
function setFlags(fd: number, entry: Entry, outlet: Pick<RestoreOutlet, 'warn'>): void {
  const rc = fd < 0 ? fd : setInodeFlags(fd, entry.flags);
  if (rc < 0) refused(entry, errnoName(rc), outlet);
}

const refused = ({ path }: Entry, why: string, { warn }: Pick<RestoreOutlet, 'warn'>): void =>
  warn('flags-refused', path, `what chattr had set: ${why}`);

/** Takes away what an earlier run has set of a name in an open directory, as far as that is there. */
export function unprotect(dirfd: number, name: Buffer): void {
  const fd = openAt(dirfd, name, toSet);
  if (fd < 0) return;
  setInodeFlags(fd, 0);
  closeFd(fd);
}
