/**
 * The directory a restore writes into: made or checked, closed to everybody else until the end.
 */

import { mkdirSync, readdirSync } from 'node:fs';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { takesNamesForOne } from '../../filesystem/exact-names.ts';
import { flushFileSystem } from '../../filesystem/flush.ts';
import {
  AT_FDCWD,
  chmodFd,
  chownFd,
  closeFd,
  errno,
  errnoName,
  O,
  openAt,
  removeXattrFd,
  Stat,
  setXattrFd,
  statFd,
  syncFileSystem,
  zName,
} from '../../filesystem/native.ts';
import { systemXattrs, XattrError } from '../../filesystem/xattrs.ts';
import { printable, quoted } from '../../printable.ts';
import { systemCode } from '../../system-code.ts';
import type { Snapshot } from '../catalog.ts';
import {
  type Access,
  isHalfMark,
  isMarkOf,
  markName,
  markOf,
  type RestoreMark,
  readMark,
  removeHalfMarks,
  removeMark,
  spareName,
  strangersMark,
  writeMark,
} from './restore-mark.ts';

export interface RestoreTarget {
  readonly fd: number;
  /** It takes several names for one. */
  readonly alike: boolean;
  /**
   * Flushes everything to disk, gives the directory back its owner, mode and access lists, and lets go of it.
   *
   * @throws TARGET_UNWRITABLE not everything has reached the disk; nobody can go on with it then
   */
  finish(): Promise<void>;
  /** Lets go of it as it is: of root, 0700. Nobody can go on with it where the disk has lost something. */
  abandon(error: unknown): void;
}

const aclNames = ['system.posix_acl_access', 'system.posix_acl_default'];

/**
 * @throws TARGET_NOT_EMPTY there is something in it, and this is no `resume`, or what is there is of another snapshot
 * @throws TARGET_UNWRITABLE it is no directory, or its parent does not exist
 */
export async function openTarget(path: string, resume: boolean, snapshot: Snapshot): Promise<RestoreTarget> {
  const { fd, made } = openOrMake(path);
  try {
    const access = made ? { ...accessOf(fd), mode: 0o700, acls: {} } : accessOf(fd);
    const mark = isEmpty(fd) ? null : goOnWith(path, fd, resume ? readMark(fd) : undefined, snapshot);
    const was = mark?.access ?? access;
    takeOver(fd);
    removeHalfMarks(fd);
    try {
      if (mark === null && !isEmpty(fd)) throw notEmpty(path, fd, undefined);
      await writeMark(fd, markOf(snapshot, was));
    } catch (error) {
      giveBack(fd, access);
      if (isHoldfastError(error)) throw error;
      throw unwritable(path, systemCode(error) ?? 'unknown', error);
    }
    return {
      fd,
      alike: takesNamesForOne(fd, markName, spareName),
      async finish() {
        try {
          flushFileSystem(fd, path);
          giveBack(fd, was);
          // A full disk has no room for another mark, and the one that is there tells the same. As it does after a kill.
          await writeMark(fd, markOf(snapshot, null)).catch(() => {});
        } catch (error) {
          removeMark(fd);
          throw error;
        } finally {
          closeFd(fd);
        }
      },
      abandon(error) {
        const refused = isHoldfastError(error) && error.code === 'TARGET_UNWRITABLE';
        if (refused && syncFileSystem(fd) < 0) removeMark(fd);
        closeFd(fd);
      },
    };
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

function openOrMake(path: string): { readonly fd: number; readonly made: boolean } {
  let made = false;
  let fd = openAt(AT_FDCWD, zName(path), O.DIRECTORY | O.NOFOLLOW);
  if (fd === -errno.ENOENT) {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (cause) {
      throw unwritable(path, systemCode(cause) ?? 'unknown', cause);
    }
    made = true;
    fd = openAt(AT_FDCWD, zName(path), O.DIRECTORY | O.NOFOLLOW);
  }
  if (fd < 0) throw unwritable(path, errnoName(fd));
  return { fd, made };
}

const isEmpty = (fd: number): boolean =>
  readdirSync(`/proc/self/fd/${fd}`).every((name) => isHalfMark(fd, name));

function accessOf(fd: number): Access {
  const stat = new Stat();
  statFd(fd, stat);
  return { uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777, acls: aclsOf(fd) };
}

function aclsOf(fd: number): Access['acls'] {
  try {
    const found = systemXattrs.read(fd).map(({ name, value }) => [name.toString('latin1'), value] as const);
    return Object.fromEntries(
      found
        .filter(([name]) => aclNames.includes(name))
        .map(([name, value]) => [name, value.toString('base64')]),
    );
  } catch (error) {
    if (error instanceof XattrError) return {};
    throw error;
  }
}

/** @param mark undefined where nothing is to be gone on with. @throws TARGET_NOT_EMPTY */
function goOnWith(
  path: string,
  fd: number,
  mark: RestoreMark | null | undefined,
  snapshot: Snapshot,
): RestoreMark {
  if (mark && isMarkOf(mark, snapshot)) return mark;
  throw notEmpty(path, fd, mark);
}

function notEmpty(path: string, fd: number, mark: RestoreMark | null | undefined): HoldfastError {
  const target = quoted(path);
  if (mark === undefined) {
    return new HoldfastError('TARGET_NOT_EMPTY', `the target ${target} is not empty`, {
      hint: 'Name an empty or absent directory, or add --resume to go on with an interrupted restore.',
    });
  }
  if (mark === null) {
    const owner = strangersMark(fd);
    const why =
      owner === null
        ? `there is no ${markName} of ours in this one`
        : `${markName} in this one belongs to uid ${owner}, as where NFS squashes root, and is not believed`;
    return new HoldfastError('TARGET_NOT_EMPTY', `the target ${target} holds no restore to go on with`, {
      hint: `Name an empty or absent directory: ${why}.`,
    });
  }
  const other = printable(mark.snapshot, 200);
  return new HoldfastError('TARGET_NOT_EMPTY', `the target ${target} holds a restore of ${other}`, {
    hint: `Go on with \`holdfast restore ${other} --to DIR --resume\`, or name an empty directory for the other snapshot.`,
  });
}

/** What the parent directory, or the one who owned it, hands down would be handed on to everything restored. */
function takeOver(fd: number): void {
  chownFd(fd, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
  for (const name of aclNames) removeXattrFd(fd, zName(name));
  chmodFd(fd, 0o700);
}

function giveBack(fd: number, { uid, gid, mode, acls }: Access): void {
  chownFd(fd, uid, gid);
  for (const [name, value] of Object.entries(acls)) setXattrFd(fd, zName(name), Buffer.from(value, 'base64'));
  chmodFd(fd, mode);
}

const room = 'Make room (or raise the quota) and restore again.';
const hints: Readonly<Record<string, string>> = {
  ENOSPC: room,
  EDQUOT: room,
  ENAMETOOLONG: 'Name a directory with a shorter path, and no part of it longer than its file system takes.',
};

function unwritable(path: string, code: string, cause?: unknown): HoldfastError {
  return new HoldfastError('TARGET_UNWRITABLE', `cannot use the target ${quoted(path)}: ${code}`, {
    cause,
    hint: hints[code] ?? 'Name a directory whose parent exists; a symbolic link is not taken.',
  });
}

/** An error of what was written below a target, with the target named. */
export function inTarget(error: unknown, path: string): unknown {
  if (!isHoldfastError(error) || error.code !== 'TARGET_UNWRITABLE') return error;
  if (error.message.includes(quoted(path))) return error;
  const { code, message, cause, hint } = error;
  return new HoldfastError(code, `cannot restore to ${quoted(path)}: ${message}`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}
