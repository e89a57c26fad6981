/**
 * Opens a path below a trusted root, one component at a time, never through a link, and none that is `.` or `..`.
 */

import { AT_FDCWD, closeFd, errno, O, openAt, zName } from './native.ts';

const dot = 0x2e;
const slash = 0x2f;

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
  const leadsElsewhere = parts.some(isDots);
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

/**
 * Opens paths below an open directory, as `openFrom`, and keeps the directories above the last one open. Of many files
 * deep in a tree that come in path order each is one call then, instead of one for each directory above it.
 *
 * It holds as many descriptors as that path has directories.
 */
export class PathsInOrder {
  readonly #root: number;
  #last: Uint8Array = new Uint8Array(0);
  /** Directories of `#last`, with the length of the path of each. */
  readonly #levels: { readonly fd: number; readonly length: number }[] = [];

  /** The descriptor stays the caller's. */
  constructor(root: number) {
    this.#root = root;
  }

  /**
   * @param relative as for `openFrom`, without empty components; not to be changed before the next call
   * @returns a descriptor, the caller's; or the negated errno, as of `openFrom`
   */
  open(relative: Uint8Array, flags: number): number {
    const same = this.#sameBytes(relative);
    while ((this.#levels.at(-1)?.length ?? -1) >= same) closeFd(this.#levels.pop()!.fd);
    this.#last = relative;
    for (;;) {
      const { fd, length } = this.#levels.at(-1) ?? { fd: this.#root, length: -1 };
      const end = relative.indexOf(slash, length + 1);
      const part = relative.subarray(length + 1, end < 0 ? relative.length : end);
      if (part.length === 0 || isDots(part)) return -errno.EINVAL;
      if (end < 0) return openAt(fd, zName(part), flags | O.NOFOLLOW);
      const below = openAt(fd, zName(part), O.DIRECTORY | O.NOFOLLOW);
      if (below < 0) return below;
      this.#levels.push({ fd: below, length: end });
    }
  }

  #sameBytes(path: Uint8Array): number {
    const most = Math.min(path.length, this.#last.length);
    let same = 0;
    while (same < most && path[same] === this.#last[same]) same++;
    return same;
  }

  /** May be called again. */
  close(): void {
    for (const { fd } of this.#levels.splice(0)) closeFd(fd);
  }
}

const isDots = (part: Uint8Array): boolean =>
  part[0] === dot && (part.length === 1 || (part.length === 2 && part[1] === dot));

function splitPath(path: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let i = 0; i <= path.length; i++) {
    if (i < path.length && path[i] !== slash) continue;
    if (i > start) parts.push(path.subarray(start, i));
    start = i + 1;
  }
  return parts;
}
