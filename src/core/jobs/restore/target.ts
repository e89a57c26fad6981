/**
 * The directory a restore writes into: made or checked, closed to everybody else until the end.
 */

import { mkdirSync, readdirSync } from 'node:fs';
import { HoldfastError } from '../../errors.ts';
import {
  AT_FDCWD,
  chmodFd,
  closeFd,
  errno,
  errnoName,
  O,
  openAt,
  removeXattrFd,
  Stat,
  statFd,
  syncFileSystem,
  zName,
} from '../../filesystem/native.ts';
import { quoted } from '../../printable.ts';

export interface RestoreTarget {
  readonly fd: number;
  /** Flushes everything to disk, gives the directory back its mode, and lets go of it. */
  finish(): void;
  /** Lets go of it as it is: 0700. */
  abandon(): void;
}

/**
 * @throws TARGET_NOT_EMPTY there is something in it, and this is no `resume`
 * @throws TARGET_UNWRITABLE it is no directory, or its parent does not exist
 */
export function openTarget(path: string, resume: boolean): RestoreTarget {
  let made = false;
  let fd = openAt(AT_FDCWD, zName(path), O.DIRECTORY | O.NOFOLLOW);
  if (fd === -errno.ENOENT) {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (cause) {
      throw unwritable(path, (cause as NodeJS.ErrnoException).code ?? 'unknown', cause);
    }
    made = true;
    fd = openAt(AT_FDCWD, zName(path), O.DIRECTORY | O.NOFOLLOW);
  }
  if (fd < 0) throw unwritable(path, errnoName(fd));
  const stat = new Stat();
  statFd(fd, stat);
  if (!made && !resume && readdirSync(`/proc/self/fd/${fd}`).length > 0) {
    closeFd(fd);
    throw new HoldfastError('TARGET_NOT_EMPTY', `the target ${quoted(path)} is not empty`, {
      hint: 'Name an empty or absent directory, or add --resume to go on with an interrupted restore.',
    });
  }
  chmodFd(fd, 0o700);
  // What the parent directory hands down would be handed on to everything restored.
  removeXattrFd(fd, zName('system.posix_acl_default'));
  removeXattrFd(fd, zName('system.posix_acl_access'));
  chmodFd(fd, 0o700);
  const mode = made ? 0o700 : stat.mode & 0o7777;
  return {
    fd,
    finish() {
      syncFileSystem(fd);
      chmodFd(fd, mode);
      closeFd(fd);
    },
    abandon: () => closeFd(fd),
  };
}

function unwritable(path: string, code: string, cause?: unknown): HoldfastError {
  return new HoldfastError('TARGET_UNWRITABLE', `cannot use the target ${quoted(path)}: ${code}`, {
    cause,
    hint: 'Name a directory whose parent exists; a symbolic link is not taken.',
  });
}
