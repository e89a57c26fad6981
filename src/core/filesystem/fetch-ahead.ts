/** Tells the kernel which file will be read soon. Whatever keeps it from that is nothing. */

import { fileType, typeOf } from '../archive/entry.ts';
import { c } from './libc.ts';
import { AT_FDCWD, closeFd, O, openAt, Stat, statFd } from './native.ts';
import { magicPath } from './xattrs.ts';

/** What follows in a larger file the kernel fetches by itself, once it is read. */
const mostBytes = 256 * 1024;
const POSIX_FADV_WILLNEED = 3;

const flags = O.NOFOLLOW | O.NONBLOCK | O.NOATIME | O.CLOEXEC;
const SYS_openat2 = 437n;
/** NO_XDEV, NO_SYMLINKS, BENEATH: nothing of another mount, and nothing that a link leads to. */
const resolve = 0x01n | 0x04n | 0x08n;
/** `struct open_how`: flags, mode, resolve. */
const how = new BigUint64Array([BigInt(O.PATH | O.NOFOLLOW | O.CLOEXEC), 0n, resolve]);
const stat = new Stat();

/** Has the beginning of a regular file fetched into memory, without waiting for it. */
export function fetchAhead(dirfd: number, name: Buffer): void {
  fetch(openAt(dirfd, name, flags));
}

/**
 * As `fetchAhead`, of a path below an open directory, ended by NUL. What is no regular file is not opened: somebody may
 * wait at the other end of a FIFO. Before Linux 5.6 nothing happens.
 */
export function fetchBelow(dirfd: number, path: Buffer): void {
  const place = c.openat2(SYS_openat2, BigInt(dirfd), path, how, BigInt(how.byteLength));
  if (place < 0) return;
  const isFile = statFd(place, stat) === 0 && typeOf(stat) === fileType.regular;
  if (isFile) fetch(openAt(AT_FDCWD, magicPath(place), flags & ~O.NOFOLLOW));
  closeFd(place);
}

function fetch(fd: number): void {
  if (fd < 0) return;
  c.fadvise(fd, 0, mostBytes, POSIX_FADV_WILLNEED);
  closeFd(fd);
}
