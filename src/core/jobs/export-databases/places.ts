/** Opens and makes directories for exports, one component at a time, never through a link. */

import { HoldfastError } from '../../errors.ts';
import { listDirectory, plainName } from '../../filesystem/directory.ts';
import {
  chownFd,
  closeFd,
  errno,
  errnoName,
  makeDirectoryAt,
  O,
  openAt,
  Stat,
  statAt,
  unlinkAt,
  zName,
} from '../../filesystem/native.ts';
import { printable } from '../../printable.ts';

const leftoverForm = /^\.[0-9a-f]{32}\.partial$/;
/** Older ones belong to no run that is still alive. */
const leftoverSeconds = 24 * 60 * 60;

export interface MissingDirectory {
  /** Whose a directory is that has to be made; null: ours. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly mode: number;
}

/**
 * @param parts components below the open directory `from`, which stays open; none may be `.` or `..`
 * @returns a descriptor
 * @throws TARGET_UNWRITABLE
 */
export function openMade(from: number, parts: readonly string[], missing: MissingDirectory): number {
  let fd = from;
  for (const part of parts) {
    const next = enter(fd, part, missing);
    if (fd !== from) closeFd(fd);
    if (next < 0) {
      throw new HoldfastError('TARGET_UNWRITABLE', `cannot enter ${printable(part)}: ${errnoName(next)}`, {
        hint: 'Check that it is a directory and no link.',
      });
    }
    fd = next;
  }
  return fd;
}

function enter(fd: number, part: string, { owner, mode }: MissingDirectory): number {
  const name = zName(part);
  const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
  const there = openAt(fd, name, flags);
  if (there !== -errno.ENOENT) return there;
  const made = makeDirectoryAt(fd, name, mode);
  if (made < 0 && made !== -errno.EEXIST) return made;
  const opened = openAt(fd, name, flags);
  if (opened >= 0 && made === 0 && owner !== null) {
    const rc = chownFd(opened, owner.uid, owner.gid);
    if (rc < 0) {
      closeFd(opened);
      return rc;
    }
  }
  return opened;
}

/** Removes what killed runs have left half-written. */
export function removeLeftovers(directory: number, nowMs: number): void {
  const stat = new Stat();
  for (const name of names(directory).filter((one) => leftoverForm.test(one))) {
    if (statAt(directory, zName(name), stat) < 0) continue;
    if (nowMs / 1000 - stat.mtimeSeconds > leftoverSeconds) unlinkAt(directory, zName(name));
  }
}

/** Of an open directory, as UTF-8; names that are not are left out. */
export function names(directory: number): string[] {
  const own = openAt(directory, zName('.'), O.RDONLY | O.DIRECTORY);
  if (own < 0) return [];
  try {
    return listDirectory(own).map((listed) => Buffer.from(plainName(listed), 'latin1').toString());
  } finally {
    closeFd(own);
  }
}
