/** Tells the kernel which file will be read soon. Whatever keeps it from that is nothing. */

import { c } from './libc.ts';
import { closeFd, O, openAt } from './native.ts';

/** What follows in a larger file the kernel fetches by itself, once it is read. */
const mostBytes = 256 * 1024;
const POSIX_FADV_WILLNEED = 3;

const flags = O.NOFOLLOW | O.NONBLOCK | O.NOATIME | O.CLOEXEC;
const SYS_openat2 = 437n;
/** NO_XDEV, NO_SYMLINKS, BENEATH: nothing of another mount, and nothing that a link leads to. */
const resolve = 0x01n | 0x04n | 0x08n;
/** `struct open_how`: flags, mode, resolve. */
const how = new BigUint64Array([BigInt(flags), 0n, resolve]);

/** Has the beginning of a regular file fetched into memory, without waiting for it. */
export function fetchAhead(dirfd: number, name: Buffer): void {
  fetch(openAt(dirfd, name, flags));
}

/** As `fetchAhead`, of a path below an open directory, ended by NUL. Before Linux 5.6 nothing happens. */
export function fetchBelow(dirfd: number, path: Buffer): void {
  fetch(c.openat2(SYS_openat2, BigInt(dirfd), path, how, BigInt(how.byteLength)));
}

function fetch(fd: number): void {
  if (fd < 0) return;
  c.fadvise(fd, 0, mostBytes, POSIX_FADV_WILLNEED);
  closeFd(fd);
}
