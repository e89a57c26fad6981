/**
 * A directory of ours beside a place, which nobody else can enter: what is made in it is surely what we made, until it
 * is moved out. Whoever owns the directory around it may rename it or put another of ours in its place, no more.
 */

import { listDirectory, plainName } from '../../filesystem/directory.ts';
import {
  AT_REMOVEDIR,
  closeFd,
  errnoName,
  makeDirectoryAt,
  O,
  openAt,
  renameAt,
  Stat,
  statFd,
  unlinkAt,
} from '../../filesystem/native.ts';
import { openToRead } from '../../filesystem/open-to-read.ts';
import { isElsewhere } from '../capture/levels.ts';
import { unwritable } from './obstacles.ts';
import { isOurs } from './ownership.ts';

export interface Staging {
  readonly fd: number;
  /** What was made and not moved out must be gone by then. */
  close(): void;
}

const stat = new Stat();

/** Nothing staged: what is made is made beside its place. */
export const noStaging = (directory: number): Staging => ({ fd: directory, close: () => {} });

/** @throws TARGET_UNWRITABLE it cannot be made, or is another by the time it is opened */
export function openStaging(directory: number, name: Buffer): Staging {
  const made = makeDirectoryAt(directory, name, 0o700);
  if (made < 0) throw unwritable(`cannot make a directory beside it: ${errnoName(made)}`);
  const fd = openPrivate(directory, name);
  if (fd === null) {
    unlinkAt(directory, name, AT_REMOVEDIR);
    throw unwritable('a directory beside it was replaced meanwhile');
  }
  return {
    fd,
    close() {
      closeFd(fd);
      unlinkAt(directory, name, AT_REMOVEDIR);
    },
  };
}

/** A new directory that is given to `apply` before it has its name. @returns 0, or the negated errno */
export function makeDirectory(
  { parent, name, temporary }: { readonly parent: number; readonly name: Buffer; readonly temporary: Buffer },
  apply: (fd: number) => void,
): number {
  const place = openStaging(parent, temporary);
  try {
    const made = makeDirectoryAt(place.fd, temporary, 0o700);
    const fd = made < 0 ? made : openAt(place.fd, temporary, O.DIRECTORY | O.NOFOLLOW);
    if (fd < 0) return fd;
    try {
      apply(fd);
    } finally {
      closeFd(fd);
    }
    return renameAt(place.fd, temporary, parent, name);
  } finally {
    unlinkAt(place.fd, temporary, AT_REMOVEDIR);
    place.close();
  }
}

function openPrivate(directory: number, name: Buffer): number | null {
  const around = new Stat();
  statFd(directory, around);
  const isPrivate = (): boolean => isOurs(stat) && (stat.mode & 0o077) === 0 && !isElsewhere(stat, around);
  const fd = openToRead(directory, name, stat, isPrivate);
  return fd < 0 ? null : fd;
}

/**
 * Removes one that a killed run left: it is ours and private, and holds at most one entry, of its own name. Any other
 * directory of such a name is somebody's.
 *
 * @returns true where it is gone, or would be
 */
export function removeStaging(directory: number, name: Buffer, apply: boolean): boolean {
  const fd = openPrivate(directory, name);
  if (fd === null) return false;
  try {
    const own = name.toString('latin1', 0, name.length - 1);
    if (listDirectory(fd).some((listed) => plainName(listed) !== own)) return false;
    if (!apply) return true;
    unlinkAt(fd, name);
    unlinkAt(fd, name, AT_REMOVEDIR);
  } finally {
    closeFd(fd);
  }
  return unlinkAt(directory, name, AT_REMOVEDIR) === 0;
}
