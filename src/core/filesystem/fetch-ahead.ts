/** Tells the kernel which file will be read soon. */

import { c } from './libc.ts';
import { closeFd, O, openAt } from './native.ts';

/** What follows in a larger file the kernel fetches by itself, once it is read. */
const mostBytes = 256 * 1024;
const POSIX_FADV_WILLNEED = 3;

/** Has the beginning of a regular file fetched into memory, without waiting for it. Whatever keeps it from that is nothing. */
export function fetchAhead(dirfd: number, name: Buffer): void {
  const fd = openAt(dirfd, name, O.NOFOLLOW | O.NONBLOCK | O.NOATIME);
  if (fd < 0) return;
  c.fadvise(fd, 0, mostBytes, POSIX_FADV_WILLNEED);
  closeFd(fd);
}
