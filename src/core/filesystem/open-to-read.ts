/**
 * Opens directories on which others may have mounted something: where a server is silent, opening alone waits for ever.
 */

import { closeFd, errno, O, openAt, type Stat, statFd, zName } from './native.ts';

const dot = zName('.');

/**
 * Opens a directory for reading after `mayEnter` has seen what is there, never through a link.
 *
 * @param stat is filled with what was opened
 * @param mayEnter may throw instead
 * @returns a descriptor, the caller's to close; or the negated errno, EXDEV where it may not be entered
 */
export function openToRead(
  dirfd: number,
  name: Buffer,
  stat: Stat,
  mayEnter: (stat: Stat) => boolean,
): number {
  const place = openAt(dirfd, name, O.PATH | O.DIRECTORY | O.NOFOLLOW);
  if (place < 0) return place;
  try {
    const rc = statFd(place, stat);
    if (rc < 0) return rc;
    return mayEnter(stat) ? openAt(place, dot, O.DIRECTORY | O.NOFOLLOW) : -errno.EXDEV;
  } finally {
    closeFd(place);
  }
}

/** Of what opening a directory gave: there is none of this name. */
export const isAbsent = (fd: number): boolean =>
  fd === -errno.ENOENT || fd === -errno.ENOTDIR || fd === -errno.ELOOP;
