/**
 * Makes one entry of a tree, with every attribute exactly as it was captured.
 *
 * Everything goes through descriptors; a name is only ever used together with its directory's descriptor.
 * Order matters: content, owner (which clears setuid bits and capabilities), mode, xattrs and ACLs, times.
 */

import { chmodSync } from 'node:fs';
import { type Entry, fileType, typeOf, type Xattr } from '../archive/entry.ts';
import { decimalTime } from '../archive/tar.ts';
import { HoldfastError } from '../errors.ts';
import {
  chmodFd,
  chownFd,
  chownInode,
  closeFd,
  errno,
  errnoName,
  makeDevice,
  makeNodeAt,
  O,
  openAt,
  Stat,
  setMtime,
  statFd,
  symlinkAt,
  unlinkAt,
  zName,
} from './native.ts';
import {
  displayName,
  isAlwaysKept,
  magicPath,
  type XattrBackend,
  XattrError,
  type XattrSubject,
} from './xattrs.ts';

const present = new Stat();

/** Hears of what the target refused; the rest of the entry is restored all the same. */
export type Refused = (code: string, message: string) => void;

function fail(what: string, rc: number): never {
  const full = rc === -errno.ENOSPC || rc === -errno.EDQUOT;
  throw new HoldfastError('TARGET_UNWRITABLE', `${what}: ${errnoName(rc)}`, {
    hint: full
      ? 'Make room (or raise the quota) and go on with --resume.'
      : 'Check that the target file system is writable and supports this kind of entry.',
  });
}

/** A new, empty, private file. An existing entry of that name is removed first where `replace`. */
export function createFile(dirfd: number, name: Buffer, replace: boolean): number {
  const flags = O.CREAT | O.EXCL | O.WRONLY | O.NOFOLLOW;
  let fd = openAt(dirfd, name, flags, 0o600);
  if (fd === -errno.EEXIST && replace) {
    unlinkAt(dirfd, name);
    fd = openAt(dirfd, name, flags, 0o600);
  }
  if (fd < 0) fail('cannot create the file', fd);
  return fd;
}

/** Owner, mode, xattrs and mtime of an open file or directory. */
export function applyToDescriptor(fd: number, entry: Entry, xattrs: XattrBackend, refused: Refused): void {
  const mode = modeFor(entry, chownFd(fd, entry.uid, entry.gid), refused);
  const rc = chmodFd(fd, mode);
  if (rc < 0) refused('mode-refused', `mode ${mode.toString(8)}: ${errnoName(rc)}`);
  applyXattrs(fd, entry.xattrs, xattrs, refused);
  applyTime(fd, fd, entry, refused);
}

/** What runs with the rights of its owner must not run with those of another. @param rc of setting the owner */
function modeFor(entry: Entry, rc: number, refused: Refused): number {
  const mode = entry.mode & 0o7777;
  if (rc >= 0) return mode;
  const dropped =
    (mode & 0o6000) === 0 || typeOf(entry) === fileType.link ? '' : ', so setuid and setgid are dropped';
  refused('owner-refused', `owner ${entry.uid}:${entry.gid}: ${errnoName(rc)}${dropped}`);
  return mode & 0o1777;
}

/** A file system that cannot hold a time keeps the nearest it can, and says nothing. */
function applyTime(subject: XattrSubject, fd: number, entry: Entry, refused: Refused): void {
  const { mtimeSeconds: seconds, mtimeNanoseconds: nanoseconds } = entry;
  const rc = setMtime(subject, seconds, nanoseconds);
  if (rc < 0) refused('time-refused', `modification time: ${errnoName(rc)}`);
  else if (seconds < 0 || seconds > 0x7fffffff) {
    statFd(fd, present);
    if (present.mtimeSeconds !== seconds || present.mtimeNanoseconds !== nanoseconds) {
      refused('time-refused', `modification time ${decimalTime(seconds, nanoseconds)}: cannot be held here`);
    }
  }
}

/** Sets what was captured and removes what is there besides, such as inherited ACLs. */
function applyXattrs(
  subject: XattrSubject,
  wanted: readonly Xattr[],
  xattrs: XattrBackend,
  refused: Refused,
): void {
  const attempt = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof XattrError)) throw error;
      refused('xattr-refused', error.message);
    }
  };
  attempt(() => {
    for (const { name } of xattrs.read(subject)) {
      const label = name.toString('latin1');
      if (isAlwaysKept(label)) continue;
      if (!wanted.some((one) => one.name.equals(name))) attempt(() => xattrs.remove(subject, name));
    }
  });
  for (const { name, value } of wanted) attempt(() => xattrs.set(subject, name, value));
}

/** A symbolic link, FIFO, socket or device. */
export function createSpecial(
  dirfd: number,
  name: Buffer,
  entry: Entry,
  options: { readonly replace: boolean; readonly xattrs: XattrBackend; readonly refused: Refused },
): void {
  const make = (): number =>
    typeOf(entry) === fileType.link
      ? symlinkAt(zName(entry.target ?? Buffer.alloc(0)), dirfd, name)
      : makeNodeAt(dirfd, name, typeOf(entry) | 0o600, makeDevice(entry.rdevMajor, entry.rdevMinor));
  let rc = make();
  if (rc === -errno.EEXIST && options.replace) {
    unlinkAt(dirfd, name);
    rc = make();
  }
  if (rc < 0) fail('cannot create the entry', rc);
  applyToSpecial(dirfd, name, entry, options);
}

function applyToSpecial(
  dirfd: number,
  name: Buffer,
  entry: Entry,
  { xattrs, refused }: { readonly xattrs: XattrBackend; readonly refused: Refused },
): void {
  const fd = openAt(dirfd, name, O.PATH | O.NOFOLLOW);
  if (fd < 0) fail('cannot reach the entry just made', fd);
  try {
    statFd(fd, present);
    // Somebody who can write to the directory may have put another inode here meanwhile, perhaps one with
    // a second name elsewhere. From here on the name is not used again.
    if ((present.mode & fileType.mask) !== typeOf(entry) || present.nlink !== 1) {
      fail('the entry just made was replaced', -errno.ESTALE);
    }
    const subject = magicPath(fd);
    const mode = modeFor(entry, chownInode(fd, entry.uid, entry.gid), refused);
    if (typeOf(entry) !== fileType.link) applyMode(fd, mode, refused);
    applyXattrs(subject, entry.xattrs, xattrs, refused);
    applyTime(subject, fd, entry, refused);
  } finally {
    closeFd(fd);
  }
}

function applyMode(fd: number, mode: number, refused: Refused): void {
  try {
    chmodSync(`/proc/self/fd/${fd}`, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    refused('mode-refused', `mode ${mode.toString(8)}: ${code}`);
  }
}

/** True where the name is already exactly this file or special entry, as an earlier run completed it. */
export function isComplete(
  dirfd: number,
  name: Buffer,
  entry: Entry,
  size: number,
  xattrs: XattrBackend,
): boolean {
  const fd = openAt(dirfd, name, O.PATH | O.NOFOLLOW);
  if (fd < 0) return false;
  try {
    statFd(fd, present);
    const same =
      present.mode === entry.mode &&
      present.uid === entry.uid &&
      present.gid === entry.gid &&
      present.mtimeSeconds === entry.mtimeSeconds &&
      present.mtimeNanoseconds === entry.mtimeNanoseconds &&
      (typeOf(entry) !== fileType.regular || present.size === size);
    if (!same) return false;
    const found = xattrs.read(magicPath(fd));
    return (
      found.length === entry.xattrs.length &&
      found.every(
        (one, i) => one.name.equals(entry.xattrs[i]!.name) && one.value.equals(entry.xattrs[i]!.value),
      )
    );
  } catch (error) {
    if (error instanceof XattrError) return false;
    throw error;
  } finally {
    closeFd(fd);
  }
}

/** The last component of a path, as the calls take it. @throws OBJECT_DAMAGED it is `.`, `..` or empty */
export function lastName(path: Buffer): Buffer {
  const name = path.subarray(path.lastIndexOf(0x2f) + 1);
  const text = name.toString('latin1');
  if (text === '' || text === '.' || text === '..' || text.includes('\0')) {
    throw new HoldfastError('OBJECT_DAMAGED', `a path ends in ${displayName(name) || '(nothing)'}`, {
      hint: 'The snapshot was not written by Holdfast, or is damaged: run `holdfast verify`.',
    });
  }
  return zName(name);
}
