/**
 * Opens a path below a trusted root, one component at a time, never through a link, and none that is `.` or `..`.
 */

import { AT_FDCWD, closeFd, errno, O, openAt, zName } from './native.ts';

const dot = 0x2e;

/**
 * @param relative raw bytes, components separated by slashes; empty: the root itself
 * @returns a descriptor, or the negated errno (ENOTDIR or ELOOP where a link stands in the way, EINVAL where a component is `.` or `..`)
 */
export function openBelow(root: string, relative: Uint8Array, flags: number, mode = 0): number {
  const fd = openAt(AT_FDCWD, zName(root), O.DIRECTORY | O.NOFOLLOW);
  if (fd < 0 || relative.length === 0) return fd;
  const opened = openFrom(fd, relative, flags, mode);
  closeFd(fd);
  return opened;
}

/** As `openBelow`, from an open directory, which stays open. */
export function openFrom(dirfd: number, relative: Uint8Array, flags: number, mode = 0): number {
  const parts = splitPath(relative);
  const leadsElsewhere = parts.some(
    (part) => part[0] === dot && (part.length === 1 || (part.length === 2 && part[1] === dot)),
  );
  const last = parts.pop();
  if (last === undefined || leadsElsewhere) return -errno.EINVAL;
  let fd = dirfd;
  for (const part of parts) {
    const below = openAt(fd, zName(part), O.DIRECTORY | O.NOFOLLOW);
    if (fd !== dirfd) closeFd(fd);
    if (below < 0) return below;
    fd = below;
  }
  const opened = openAt(fd, zName(last), flags | O.NOFOLLOW, mode);
  if (fd !== dirfd) closeFd(fd);
  return opened;
}

function splitPath(path: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let i = 0; i <= path.length; i++) {
    if (i < path.length && path[i] !== 0x2f) continue;
    if (i > start) parts.push(path.subarray(start, i));
    start = i + 1;
  }
  return parts;
}
