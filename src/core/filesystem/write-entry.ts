/**
 * Makes one entry of a tree, with every attribute exactly as it was captured.
 *
 * Everything goes through descriptors; a name is only ever used together with its directory's descriptor.
 * Order matters: content, owner (which clears setuid bits and capabilities), xattrs and ACLs, mode, times. What a
 * directory hands down as an ACL is without effect in a private file, until chmod makes the bits of the group its mask.
 */

import { chmodSync } from 'node:fs';
import { type Entry, fileType, typeOf } from '../archive/entry.ts';
import { decimalTime } from '../archive/tar.ts';
import { HoldfastError } from '../errors.ts';
import { applyXattrs, type Refused } from './apply-xattrs.ts';
import { isOfTarget, targetRefuses } from './exhaustion.ts';
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
  statFd,
  symlinkAt,
  unlinkAt,
  zName,
} from './native.ts';
import { setMtime } from './set-mtime.ts';
import { displayName, magicPath, type XattrBackend, XattrError, type XattrSubject } from './xattrs.ts';

const present = new Stat();

function fail(what: string, rc: number): never {
  throw targetRefuses(`${what}: ${errnoName(rc)}`, rc);
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

/** An inode, as the calls that change it take it. */
interface Reached {
  readonly fd: number;
  readonly subject: XattrSubject;
  readonly chown: (fd: number, uid: number, gid: number) => number;
  readonly chmod: (fd: number, mode: number) => number;
}

/**
 * Owner, xattrs, mode and mtime of an open file or directory.
 *
 * @throws TARGET_UNWRITABLE the target is full or fails; some of it may be applied
 */
export function applyToDescriptor(fd: number, entry: Entry, xattrs: XattrBackend, refused: Refused): void {
  apply({ fd, subject: fd, chown: chownFd, chmod: chmodFd }, entry, xattrs, refused);
}

/**
 * As `applyToDescriptor`, by an O_PATH descriptor, of whatever it stands for. Nothing is opened, for which somebody
 * who has a lease on a file would have to be waited for.
 */
export function applyToInode(fd: number, entry: Entry, xattrs: XattrBackend, refused: Refused): void {
  apply({ fd, subject: magicPath(fd), chown: chownInode, chmod: chmodInode }, entry, xattrs, refused);
}

function apply(
  { fd, subject, chown, chmod }: Reached,
  entry: Entry,
  xattrs: XattrBackend,
  refused: Refused,
): void {
  const mode = modeFor(entry, chown(fd, entry.uid, entry.gid), refused);
  const given = applyXattrs(subject, entry.xattrs, mode, xattrs, refused);
  if (typeOf(entry) !== fileType.link) {
    const rc = chmod(fd, given);
    if (rc < 0) refuse(refused, 'mode-refused', `mode ${given.toString(8)}`, rc);
  }
  applyTime(subject, fd, entry, refused);
}

/** @throws TARGET_UNWRITABLE it is not this entry alone that the target cannot hold */
function refuse(refused: Refused, code: string, what: string, rc: number, result = ''): void {
  if (isOfTarget(rc)) fail(`cannot set ${what}`, rc);
  refused(code, `${what}: ${errnoName(rc)}${result}`);
}

/** What runs with the rights of its owner must not run with those of another. @param rc of setting the owner */
function modeFor(entry: Entry, rc: number, refused: Refused): number {
  const mode = entry.mode & 0o7777;
  if (rc >= 0) return mode;
  const dropped =
    (mode & 0o6000) === 0 || typeOf(entry) === fileType.link ? '' : ', so setuid and setgid are dropped';
  refuse(refused, 'owner-refused', `owner ${entry.uid}:${entry.gid}`, rc, dropped);
  return mode & 0o1777;
}

function applyTime(subject: XattrSubject, fd: number, entry: Entry, refused: Refused): void {
  const rc = setMtime(fd, subject, entry);
  if (rc === -errno.ERANGE) {
    const time = decimalTime(entry.mtimeSeconds, entry.mtimeNanoseconds);
    refused('time-refused', `modification time ${time}: cannot be held here`);
  } else if (rc < 0) refuse(refused, 'time-refused', 'modification time', rc);
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
    applyToInode(fd, entry, xattrs, refused);
  } finally {
    closeFd(fd);
  }
}

/** Of the inode that a descriptor stands for, also an O_PATH one, but no symbolic link. @returns 0, or the negated errno */
export function chmodInode(fd: number, mode: number): number {
  try {
    chmodSync(`/proc/self/fd/${fd}`, mode);
    return 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? -errno.EIO;
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
