/**
 * System calls on entries of directories and on open files: what they are, their attributes, and changes to them.
 *
 * Calls return what the kernel returns, or the negated errno: callers decide what an error means. Paths and names are
 * Buffers that end in NUL (`zName`), so any bytes pass. It knows nothing of trees, archives or policy.
 */

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  c,
  empty,
  O,
  result,
  zName,
} from './libc.ts';

export {
  AT_FDCWD,
  AT_REMOVEDIR,
  errno,
  errnoName,
  O,
  SEEK_DATA,
  SEEK_HOLE,
  zName,
  zNameForNow,
} from './libc.ts';

/** What statx said of one inode; a plain record that is filled again and again. */
export class Stat {
  mode = 0;
  uid = 0;
  gid = 0;
  nlink = 0;
  /** Halves of the inode's number: a walk compares millions, and a bigint is an object each time. */
  inodeLow = 0;
  inodeHigh = 0;
  size = 0;
  blocks = 0;
  ctimeSeconds = 0;
  ctimeNanoseconds = 0;
  mtimeSeconds = 0;
  mtimeNanoseconds = 0;
  deviceMajor = 0;
  deviceMinor = 0;
  rdevMajor = 0;
  rdevMinor = 0;
  /** Halves of the mount's number; 0 where the kernel does not tell. */
  mountLow = 0;
  mountHigh = 0;
  /** `stx_attributes`, as far as the file system tells; see `inode-flags.ts`. */
  attributes = 0;

  get inode(): bigint {
    return (BigInt(this.inodeHigh) << 32n) | BigInt(this.inodeLow);
  }

  get tellsMount(): boolean {
    return this.mountLow !== 0 || this.mountHigh !== 0;
  }

  /** False where the kernel does not tell of one of them. */
  isOnOtherMount(other: Stat): boolean {
    const same = this.mountLow === other.mountLow && this.mountHigh === other.mountHigh;
    return !same && this.tellsMount && other.tellsMount;
  }

  isOnDevice(other: Stat): boolean {
    return this.deviceMajor === other.deviceMajor && this.deviceMinor === other.deviceMinor;
  }

  sameInode(other: Stat): boolean {
    return this.inodeLow === other.inodeLow && this.inodeHigh === other.inodeHigh && this.isOnDevice(other);
  }
}

const statBuffer = Buffer.from(new ArrayBuffer(256));
/** `struct statx` in words of 32 bits, which all its fields but the mode are made of. */
const statWords = new Uint32Array(statBuffer.buffer);
const STATX_MNT_ID = 0x1000;
/** In place of that number one that no later mount gets: Linux 6.8. */
const STATX_MNT_ID_UNIQUE = 0x4000;
const mountBits = STATX_MNT_ID | STATX_MNT_ID_UNIQUE;
const STATX_MASK = 0x7ff | mountBits;

function fillStat(out: Stat): void {
  const w = statWords;
  out.attributes = w[2]!;
  out.nlink = w[4]!;
  out.uid = w[5]!;
  out.gid = w[6]!;
  out.mode = w[7]! & 0xffff;
  out.inodeLow = w[8]!;
  out.inodeHigh = w[9]!;
  out.size = w[10]! + w[11]! * 0x100000000;
  out.blocks = w[12]! + w[13]! * 0x100000000;
  out.ctimeSeconds = w[24]! + (w[25]! | 0) * 0x100000000;
  out.ctimeNanoseconds = w[26]!;
  out.mtimeSeconds = w[28]! + (w[29]! | 0) * 0x100000000;
  out.mtimeNanoseconds = w[30]!;
  out.rdevMajor = w[32]!;
  out.rdevMinor = w[33]!;
  out.deviceMajor = w[34]!;
  out.deviceMinor = w[35]!;
  const tellsMount = (w[0]! & mountBits) !== 0;
  out.mountLow = tellsMount ? w[36]! : 0;
  out.mountHigh = tellsMount ? w[37]! : 0;
}

/** Never follows a link at the last component. */
export function statAt(dirfd: number, name: Buffer, out: Stat): number {
  const rc = c.statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_MASK, statBuffer);
  if (rc === -1) return result(rc);
  fillStat(out);
  return 0;
}

const STATX_BTIME = 0x800;

/** When the inode came to be, milliseconds; null where the file system does not tell. */
export function birthMsOf(fd: number): number | null {
  const rc = c.statx(fd, empty, AT_EMPTY_PATH, STATX_BTIME, statBuffer);
  if (rc === -1 || (statWords[0]! & STATX_BTIME) === 0) return null;
  return (statWords[20]! + (statWords[21]! | 0) * 0x100000000) * 1000 + statWords[22]! / 1e6;
}

export function statFd(fd: number, out: Stat): number {
  const rc = c.statx(fd, empty, AT_EMPTY_PATH, STATX_MASK, statBuffer);
  if (rc === -1) return result(rc);
  fillStat(out);
  return 0;
}

/** Words of 32 bits. */
export const stampWords = 13;
/** The first so many words of a stamp are no times and no sizes: owner, group, mode, inode and device. */
export const stampIdentityWords = 7;
/** Where `struct statx` has them, in words: after those comes size, then ctime. */
const stampFields = [5, 6, 7, 8, 9, 34, 35, 10, 11, 24, 25, 26, 27] as const;

/**
 * Copies what tells one state of an inode from another: owner, group, mode, inode, device, size, ctime. The last
 * component is not followed; zeros where there is no such entry.
 *
 * @returns ctime in seconds, or the negated errno
 */
export function stampAt(dirfd: number, name: Buffer, into: Uint32Array, at: number): number {
  const rc = c.statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_MASK, statBuffer);
  if (rc === -1) {
    into.fill(0, at, at + stampWords);
    return result(rc);
  }
  for (let i = 0; i < stampWords; i++) into[at + i] = statWords[stampFields[i]!]!;
  return statWords[24]! + (statWords[25]! | 0) * 0x100000000;
}

/** Always close-on-exec. */
export function openAt(dirfd: number, name: Buffer, flags: number, mode = 0): number {
  return result(c.openat(dirfd, name, flags | O.CLOEXEC, mode));
}

export const closeFd = (fd: number): number => result(c.close(fd));

const getdentsNumber: number =
  { x64: 217, arm64: 61, riscv64: 61, ppc64: 202 }[process.arch as string] ?? 217;

/** Fills `buffer` with `struct linux_dirent64` records; bytes filled, 0 at the end. */
export function readDirectory(fd: number, buffer: Buffer): number {
  return result(c.syscall(getdentsNumber, fd, buffer, buffer.length));
}

export const listXattrs = (path: Buffer, list: Buffer): number =>
  result(c.listxattr(path, list, list.length));
export const getXattr = (path: Buffer, name: Buffer, value: Buffer): number =>
  result(c.getxattr(path, name, value, value.length));
/** As `getXattr`, of a symbolic link itself. */
export const getLinkXattr = (path: Buffer, name: Buffer, value: Buffer): number =>
  result(c.lgetxattr(path, name, value, value.length));
export const setXattr = (path: Buffer, name: Buffer, value: Uint8Array): number =>
  result(c.setxattr(path, name, value, value.length, 0));
export const removeXattr = (path: Buffer, name: Buffer): number => result(c.removexattr(path, name));
export const listXattrsFd = (fd: number, list: Buffer): number => result(c.flistxattr(fd, list, list.length));
export const getXattrFd = (fd: number, name: Buffer, value: Buffer): number =>
  result(c.fgetxattr(fd, name, value, value.length));
export const setXattrFd = (fd: number, name: Buffer, value: Uint8Array): number =>
  result(c.fsetxattr(fd, name, value, value.length, 0));
export const removeXattrFd = (fd: number, name: Buffer): number => result(c.fremovexattr(fd, name));

/** Device numbers as glibc packs them. */
export function makeDevice(major: number, minor: number): bigint {
  const [a, i] = [BigInt(major), BigInt(minor)];
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((i & 0xffffff00n) << 12n) | (i & 0xffn);
}

export const makeNodeAt = (dirfd: number, name: Buffer, mode: number, device: bigint): number =>
  result(c.mknodat(dirfd, name, mode, device));
export const makeDirectoryAt = (dirfd: number, name: Buffer, mode: number): number =>
  result(c.mkdirat(dirfd, name, mode));
export const symlinkAt = (target: Buffer, dirfd: number, name: Buffer): number =>
  result(c.symlinkat(target, dirfd, name));
export const linkAt = (fromFd: number, from: Buffer, toFd: number, to: Buffer): number =>
  result(c.linkat(fromFd, from, toFd, to, 0));
/** One more name for the inode that an O_PATH descriptor stands for, also a symbolic link. */
export const linkInode = (fd: number, toFd: number, to: Buffer): number =>
  result(c.linkat(AT_FDCWD, zName(`/proc/self/fd/${fd}`), toFd, to, AT_SYMLINK_FOLLOW));
export const unlinkAt = (dirfd: number, name: Buffer, flags = 0): number =>
  result(c.unlinkat(dirfd, name, flags));
export const renameAt = (fromFd: number, from: Buffer, toFd: number, to: Buffer): number =>
  result(c.renameat(fromFd, from, toFd, to));
export const readLinkAt = (dirfd: number, name: Buffer, buffer: Buffer): number =>
  result(c.readlinkat(dirfd, name, buffer, buffer.length));
/** Of the inode that an O_PATH descriptor stands for, also a symbolic link. */
export const chownInode = (fd: number, uid: number, gid: number): number =>
  result(c.fchownat(fd, empty, uid, gid, AT_EMPTY_PATH));
export const chownFd = (fd: number, uid: number, gid: number): number => result(c.fchown(fd, uid, gid));
export const chmodFd = (fd: number, mode: number): number => result(c.fchmod(fd, mode));
export const truncateFd = (fd: number, length: number): number => result(c.ftruncate(fd, BigInt(length)));
/** From where the descriptor stands; bytes read, 0 at the end. */
export const readFd = (fd: number, buffer: Buffer): number =>
  Number(result(c.read(fd, buffer, buffer.length)));
export const seek = (fd: number, offset: number, whence: number): number =>
  Number(result(c.lseek(fd, offset, whence)));
const LOCK_EX_NB = 2 | 4;
const LOCK_SH_NB = 1 | 4;
/** 0, or -EWOULDBLOCK where another open file holds it. The kernel releases it when we die. */
export const lockExclusive = (fd: number): number => result(c.flock(fd, LOCK_EX_NB));
/** Taken where nobody holds it exclusively; beside others that share it. */
export const lockShared = (fd: number): number => result(c.flock(fd, LOCK_SH_NB));
export const syncData = (fd: number): number => result(c.fdatasync(fd));
export const syncFileSystem = (fd: number): number => result(c.syncfs(fd));
