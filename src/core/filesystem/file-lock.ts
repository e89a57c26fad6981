/**
 * Locks that die with their holders: the kernel's flock on a file, so there are no stale ones and nothing to unlock
 * by hand.
 *
 * What a lock means, and what its absence is called, is the caller's business.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { AT_FDCWD, closeFd, errnoName, lockExclusive, lockShared, O, openAt, zName } from './native.ts';

export interface FileLock {
  /** Safe to repeat. */
  release(): void;
}

export interface LockPlace {
  readonly path: string;
  /** It is a directory, which is there; else a file, made where there is none, and never a symbolic link. */
  readonly directory?: true;
  /** What is thrown where it cannot be opened. @param why name of the system's error, e.g. `EACCES` */
  refusal(why: string): Error;
}

export interface Patience {
  /** How often it is tried again, after so many milliseconds each. */
  readonly tries: number;
  readonly everyMs: number;
  /** Asked after each try in vain: whether the holder will not let go of it in time. */
  isVain?(): boolean;
}

/** Null where another holds it. @throws what `refusal` makes */
export function tryFileLock(place: LockPlace): FileLock | null {
  const fd = openPlace(place);
  if (lockExclusive(fd) >= 0) return lockOn(fd);
  closeFd(fd);
  return null;
}

/** Null where another holds it for too long. @throws what `refusal` makes */
export async function awaitFileLock(place: LockPlace, patience: Patience): Promise<FileLock | null> {
  const fd = openPlace(place);
  for (let tries = 0; lockExclusive(fd) < 0; tries += 1) {
    if (tries === patience.tries || patience.isVain?.() === true) {
      closeFd(fd);
      return null;
    }
    await sleep(patience.everyMs);
  }
  return lockOn(fd);
}

/**
 * Whether somebody holds the lock on a file; false where it cannot be opened.
 *
 * Shares the lock for that moment: two that look do not take each other for the holder.
 */
export function isFileLocked(path: string): boolean {
  const fd = openAt(AT_FDCWD, zName(path), O.WRONLY | O.NOFOLLOW, 0);
  if (fd < 0) return false;
  const held = lockShared(fd) < 0;
  closeFd(fd);
  return held;
}

function openPlace({ path, directory, refusal }: LockPlace): number {
  const flags = directory ? O.RDONLY | O.DIRECTORY : O.CREAT | O.WRONLY | O.NOFOLLOW;
  const fd = openAt(AT_FDCWD, zName(path), flags, 0o600);
  if (fd < 0) throw refusal(errnoName(fd));
  return fd;
}

function lockOn(fd: number): FileLock {
  let held = true;
  return {
    release() {
      if (held) closeFd(fd);
      held = false;
    },
  };
}
