/**
 * Every system call that Node lacks, declared in this one file and nowhere else.
 *
 * Calls return what the kernel returns, or the negated errno: callers decide what an error means.
 * Paths and names are Buffers that end in NUL (`zName`), so any bytes pass. A wrong signature here
 * corrupts memory; each was checked against Node's own view of the same files (Linux, glibc, 64 bit).
 *
 * It knows nothing of trees, archives or policy.
 */

import { constants as os } from 'node:os';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');

type Call = (...args: readonly unknown[]) => number;
const declare = (prototype: string): Call => libc.func(prototype) as Call;

const c = {
  openat: declare('int openat(int dirfd, const void *path, int flags, uint32_t mode)'),
  statx: declare('int statx(int dirfd, const void *path, int flags, uint32_t mask, void *buf)'),
  syscall: declare('int64_t syscall(int64_t number, int64_t a, void *b, int64_t c)'),
  getxattr: declare('int64_t getxattr(const void *path, const void *name, void *value, size_t size)'),
  lgetxattr: declare('int64_t lgetxattr(const void *path, const void *name, void *value, size_t size)'),
  listxattr: declare('int64_t listxattr(const void *path, void *list, size_t size)'),
  setxattr: declare(
    'int setxattr(const void *path, const void *name, const void *value, size_t size, int flags)',
  ),
  removexattr: declare('int removexattr(const void *path, const void *name)'),
  fgetxattr: declare('int64_t fgetxattr(int fd, const void *name, void *value, size_t size)'),
  flistxattr: declare('int64_t flistxattr(int fd, void *list, size_t size)'),
  fsetxattr: declare('int fsetxattr(int fd, const void *name, const void *value, size_t size, int flags)'),
  fremovexattr: declare('int fremovexattr(int fd, const void *name)'),
  utimensat: declare('int utimensat(int dirfd, const void *path, const void *times, int flags)'),
  futimens: declare('int futimens(int fd, const void *times)'),
  mknodat: declare('int mknodat(int dirfd, const void *path, uint32_t mode, uint64_t dev)'),
  mkdirat: declare('int mkdirat(int dirfd, const void *path, uint32_t mode)'),
  symlinkat: declare('int symlinkat(const void *target, int dirfd, const void *path)'),
  linkat: declare(
    'int linkat(int olddirfd, const void *oldpath, int newdirfd, const void *newpath, int flags)',
  ),
  unlinkat: declare('int unlinkat(int dirfd, const void *path, int flags)'),
  renameat: declare('int renameat(int olddirfd, const void *oldpath, int newdirfd, const void *newpath)'),
  readlinkat: declare('int64_t readlinkat(int dirfd, const void *path, void *buf, size_t size)'),
  fchownat: declare('int fchownat(int dirfd, const void *path, uint32_t uid, uint32_t gid, int flags)'),
  fchown: declare('int fchown(int fd, uint32_t uid, uint32_t gid)'),
  fchmod: declare('int fchmod(int fd, uint32_t mode)'),
  ftruncate: declare('int ftruncate(int fd, int64_t length)'),
  read: declare('int64_t read(int fd, void *buf, size_t size)'),
  lseek: declare('int64_t lseek(int fd, int64_t offset, int whence)'),
  fadvise: declare('int posix_fadvise(int fd, int64_t offset, int64_t len, int advice)'),
  flock: declare('int flock(int fd, int operation)'),
  quotactl: declare('int quotactl(int cmd, const void *special, int id, void *addr)'),
  ioctl: declare('int ioctl(int fd, uint64_t request, void *arg)'),
  syncfs: declare('int syncfs(int fd)'),
  mallopt: declare('int mallopt(int param, int value)'),
  unshare: declare('int unshare(int flags)'),
  mallocTrim: declare('int malloc_trim(size_t pad)'),
  close: declare('int close(int fd)'),
  pipe2: declare('int pipe2(void *descriptors, int flags)'),
  fcntl: declare('int fcntl(int fd, int command, int64_t value)'),
  spawn: declare(
    'int posix_spawn(void *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)',
  ),
  actionsInit: declare('int posix_spawn_file_actions_init(void *actions)'),
  actionsDup2: declare('int posix_spawn_file_actions_adddup2(void *actions, int fd, int target)'),
  actionsDestroy: declare('int posix_spawn_file_actions_destroy(void *actions)'),
  attributesInit: declare('int posix_spawnattr_init(void *attributes)'),
  attributesFlags: declare('int posix_spawnattr_setflags(void *attributes, int16_t flags)'),
  attributesDefaults: declare('int posix_spawnattr_setsigdefault(void *attributes, const void *signals)'),
  attributesMask: declare('int posix_spawnattr_setsigmask(void *attributes, const void *signals)'),
  waitpid: declare('int waitpid(int pid, void *status, int options)'),
};

export const O = {
  RDONLY: 0,
  WRONLY: 1,
  CREAT: 0o100,
  EXCL: 0o200,
  NONBLOCK: 0o4000,
  DIRECTORY: process.arch === 'arm64' ? 0o40000 : 0o200000,
  NOFOLLOW: process.arch === 'arm64' ? 0o100000 : 0o400000,
  NOATIME: 0o1000000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;
export const FADV_WILLNEED = 3;
export const FADV_DONTNEED = 4;
const LOCK_EX_NB = 2 | 4;

export const errno = os.errno;
const errnoNames = new Map<number, string>(Object.entries(os.errno).map(([name, value]) => [value, name]));

/** Name of an errno, e.g. `ENOENT`; takes either sign. */
export function errnoName(value: number): string {
  return errnoNames.get(Math.abs(value)) ?? `errno ${Math.abs(value)}`;
}

const result = (value: number): number => (value === -1 ? -koffi.errno() : value);
const empty = Buffer.from([0]);

/** A name or path as the calls here take it. */
export function zName(name: Uint8Array | string): Buffer {
  const bytes = typeof name === 'string' ? Buffer.from(name) : name;
  const out = Buffer.allocUnsafe(bytes.length + 1);
  out.set(bytes);
  out[bytes.length] = 0;
  return out;
}

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
  /** `chattr +i` or `+a`, where the file system tells. */
  unchangeable = false;

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

  sameInode(other: Stat): boolean {
    return (
      this.inodeLow === other.inodeLow &&
      this.inodeHigh === other.inodeHigh &&
      this.deviceMajor === other.deviceMajor &&
      this.deviceMinor === other.deviceMinor
    );
  }
}

const statBuffer = Buffer.from(new ArrayBuffer(256));
/** `struct statx` in words of 32 bits, which all its fields but the mode are made of. */
const statWords = new Uint32Array(statBuffer.buffer);
const STATX_MNT_ID = 0x1000;
/** Immutable or append-only. */
const STATX_ATTR_UNCHANGEABLE = 0x30;
const STATX_MASK = 0x7ff | STATX_MNT_ID;

function fillStat(out: Stat): void {
  const w = statWords;
  out.unchangeable = (w[2]! & STATX_ATTR_UNCHANGEABLE) !== 0;
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
  const tellsMount = (w[0]! & STATX_MNT_ID) !== 0;
  out.mountLow = tellsMount ? w[36]! : 0;
  out.mountHigh = tellsMount ? w[37]! : 0;
}

/** Never follows a link at the last component. */
export function statAt(dirfd: number, name: Buffer, out: Stat): number {
  const rc = c.statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_MASK, statBuffer);
  if (rc === -1) return -koffi.errno();
  fillStat(out);
  return 0;
}

export function statFd(fd: number, out: Stat): number {
  const rc = c.statx(fd, empty, AT_EMPTY_PATH, STATX_MASK, statBuffer);
  if (rc === -1) return -koffi.errno();
  fillStat(out);
  return 0;
}

export const stampBytes = 52;
/** The first so many bytes of a stamp are no times and no sizes: owner, group, mode and inode. */
export const stampIdentityBytes = 20;

/**
 * Copies what tells one state of an inode from another: owner, group, mode, inode, size, device, ctime. The last
 * component is not followed; zeros where there is no such entry.
 *
 * @returns ctime in seconds, or the negated errno
 */
export function stampAt(dirfd: number, name: Buffer, into: Buffer, at: number): number {
  const rc = c.statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_MASK, statBuffer);
  if (rc === -1) {
    into.fill(0, at, at + stampBytes);
    return -koffi.errno();
  }
  statBuffer.copy(into, at, 20, 48);
  statBuffer.copy(into, at + 28, 136, 144);
  statBuffer.copy(into, at + 36, 96, 112);
  return statBuffer.readUInt32LE(96) + statBuffer.readInt32LE(100) * 0x100000000;
}

/** Always close-on-exec. */
export function openAt(dirfd: number, name: Buffer, flags: number, mode = 0): number {
  return result(c.openat(dirfd, name, flags | O.CLOEXEC, mode));
}

export function closeFd(fd: number): void {
  c.close(fd);
}

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

const timesBuffer = Buffer.alloc(32);
const UTIME_OMIT = 0x3ffffffe;
/** The largest number that is a time of 64 bits. */
const maxSeconds = 2 ** 63 - 1024;

/**
 * Sets mtime exactly and leaves atime. `subject` is an open descriptor, or the magic path of an O_PATH one
 * (`/proc/self/fd/N`), which reaches the inode itself, also a symbolic link.
 */
export function setMtime(subject: number | Buffer, seconds: number, nanoseconds: number): number {
  timesBuffer.writeBigInt64LE(BigInt(UTIME_OMIT), 8);
  timesBuffer.writeBigInt64LE(BigInt.asIntN(64, BigInt(Math.min(seconds, maxSeconds))), 16);
  timesBuffer.writeBigInt64LE(BigInt(nanoseconds), 24);
  if (typeof subject === 'number') return result(c.futimens(subject, timesBuffer));
  return result(c.utimensat(AT_FDCWD, subject, timesBuffer, 0));
}

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
/** Advice only; an error means nothing. */
export const advise = (fd: number, offset: number, length: number, advice: number): void => {
  c.fadvise(fd, offset, length, advice);
};
/** 0, or -EWOULDBLOCK where another open file holds it. The kernel releases it when we die. */
export const lockExclusive = (fd: number): number => result(c.flock(fd, LOCK_EX_NB));
export const syncFileSystem = (fd: number): number => result(c.syncfs(fd));

/** What a user, a group or a project may have on a file system, and has. Bytes and inodes; 0: no limit. */
export interface QuotaRecord {
  readonly byteLimit: number;
  readonly bytes: number;
  readonly inodeLimit: number;
  readonly inodes: number;
}

export const quotaTypes = { user: 0, group: 1, project: 2 } as const;
const Q_GETQUOTA = 0x800007;
const quotaBuffer = Buffer.alloc(72);

/** Null where quotas of this kind are not kept there. `device` is the block device, as mounted. */
export function readQuota(device: string, type: keyof typeof quotaTypes, id: number): QuotaRecord | null {
  const rc = c.quotactl((Q_GETQUOTA << 8) | quotaTypes[type], zName(device), id | 0, quotaBuffer);
  if (rc === -1) return null;
  const field = (index: number): number => Number(quotaBuffer.readBigUInt64LE(index * 8));
  return { byteLimit: field(0) * 1024, bytes: field(2), inodeLimit: field(3), inodes: field(5) };
}

const FS_IOC_FSGETXATTR = 0x801c581f;
const fsxattrBuffer = Buffer.alloc(28);

/** Project of an inode; 0 where it has none or the file system keeps none. */
export function projectOf(fd: number): number {
  return c.ioctl(fd, FS_IOC_FSGETXATTR, fsxattrBuffer) === -1 ? 0 : fsxattrBuffer.readUInt32LE(12);
}

const M_MMAP_THRESHOLD = -3;
/**
 * Gives memory of a megabyte and more back to the system as soon as it is freed, for the whole process.
 * glibc would keep it, and a process that handles frames of 4 MiB in several threads would grow by half.
 */
export const returnLargeBlocks = (): void => {
  c.mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
};

const CLONE_NEWNET = 0x40000000;
/**
 * Takes the network from the calling thread for good, and from every thread and process it starts: an empty
 * namespace without even a loopback. 0, or -EPERM where we may not; others of the process keep theirs.
 */
export const leaveNetwork = (): number => result(c.unshare(CLONE_NEWNET));

const F_SETPIPE_SZ = 1031;

/** As wide as asked for, or as the kernel makes it. Both ends are close-on-exec. @throws Error no descriptor is left */
export function openPipe(bytes: number): { readonly reading: number; readonly writing: number } {
  const ends = Buffer.alloc(8);
  const rc = result(c.pipe2(ends, O.CLOEXEC));
  if (rc < 0) throw new Error(`cannot make a pipe: ${errnoName(rc)}`);
  const [reading, writing] = [ends.readInt32LE(0), ends.readInt32LE(4)];
  c.fcntl(writing, F_SETPIPE_SZ, BigInt(bytes));
  return { reading, writing };
}

/** Gives what all threads have freed back to the system, which glibc keeps for each of them; some milliseconds. */
export const returnFreed = (): void => {
  c.mallocTrim(0);
};

export interface Program {
  readonly path: string;
  /** Begins with the program's own name. No text may hold a NUL. */
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** What the program finds as descriptors 0, 1, 2 and so on; it gets no other that is close-on-exec. */
  readonly descriptors: readonly number[];
}

/** SETSIGDEF, SETSIGMASK, SETSID: signals as a new program expects them, and a session of its own. */
const spawnFlags = 0x04 | 0x08 | 0x80;
// Larger than the opaque types of any C library we know.
const [actionsBuffer, attributesBuffer] = [Buffer.alloc(512), Buffer.alloc(1024)];
const [allSignals, noSignals] = [Buffer.alloc(128, 0xff), Buffer.alloc(128)];
const numberBuffer = Buffer.alloc(4);

/**
 * Starts a program without a copy of our own memory's tables, which is what costs with `fork`. Its pid, or the
 * negated errno. Nobody else waits for it: `reapProgram` must be called until it tells the end.
 */
export function spawnProgram({ path, argv, env, descriptors }: Program): number {
  if ([path, ...argv, ...env].some((text) => text.includes('\0'))) return -errno.EINVAL;
  c.actionsInit(actionsBuffer);
  c.attributesInit(attributesBuffer);
  c.attributesFlags(attributesBuffer, spawnFlags);
  c.attributesDefaults(attributesBuffer, allSignals);
  c.attributesMask(attributesBuffer, noSignals);
  for (const [target, fd] of descriptors.entries()) c.actionsDup2(actionsBuffer, fd, target);
  const rc = c.spawn(numberBuffer, path, actionsBuffer, attributesBuffer, [...argv, null], [...env, null]);
  c.actionsDestroy(actionsBuffer);
  return rc === 0 ? numberBuffer.readInt32LE() : -rc;
}

const WNOHANG = 1;

/** How a program has ended, as exit status or number of a signal; null while it runs. */
export function reapProgram(pid: number): { readonly status: number | null; readonly signal: number } | null {
  const rc = result(c.waitpid(pid, numberBuffer, WNOHANG));
  if (rc === 0 || rc === -errno.EINTR) return null;
  // Somebody else has taken its status: nobody can say any more that it ended well.
  if (rc < 0) return { status: null, signal: 0 };
  const word = numberBuffer.readInt32LE();
  const signal = word & 0x7f;
  return { status: signal === 0 ? (word >> 8) & 0xff : null, signal };
}
