/**
 * Every system call that Node lacks, declared in this one file and nowhere else.
 *
 * Calls return what the kernel returns, or the negated errno: callers decide what an error means.
 * Paths and names are Buffers that end in NUL (`zName`), so any bytes pass. A wrong signature here
 * corrupts memory; each was checked against Node's own view of the same files (Linux, glibc, 64 bit).
 *
 * It knows nothing of trees, archives or policy; what the calls mean for entries, processes and quotas is told by
 * `native.ts`, `native-process.ts` and `quota.ts`.
 */

import { createRequire } from 'node:module';
import { constants as os } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type Koffi from 'koffi';

/**
 * koffi finds its native part by reading which C library Node was linked with, which costs every thread and process 5 ms.
 * Here it can only be glibc. Where that part is not beside it, or of another version, koffi looks for it.
 */
function loadKoffi(): typeof Koffi {
  const home = dirname(fileURLToPath(import.meta.resolve('koffi')));
  const require = createRequire(join(home, 'package.json'));
  const part = `koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`;
  try {
    const native: typeof Koffi = require(join(home, '../@koromix', part));
    const { version } = require('./package.json') as { readonly version: string };
    if (native.version === version) return native;
  } catch {
    // koffi says what is wrong.
  }
  return require('koffi');
}

const koffi = loadKoffi();
const libc = koffi.load('libc.so.6');

type Call = (...args: readonly unknown[]) => number;
const declare = (prototype: string): Call => libc.func(prototype) as Call;

export const c = {
  openat: declare('int openat(int dirfd, const void *path, int flags, uint32_t mode)'),
  openat2: declare(
    'int64_t syscall(int64_t number, int64_t dirfd, const void *path, const void *how, int64_t size)',
  ),
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
  fadvise: declare('int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)'),
  lseek: declare('int64_t lseek(int fd, int64_t offset, int whence)'),
  flock: declare('int flock(int fd, int operation)'),
  quotactl: declare('int quotactl(int cmd, const void *special, int id, void *addr)'),
  ioctl: declare('int ioctl(int fd, uint64_t request, void *arg)'),
  syncfs: declare('int syncfs(int fd)'),
  fdatasync: declare('int fdatasync(int fd)'),
  mallopt: declare('int mallopt(int param, int value)'),
  unshare: declare('int unshare(int flags)'),
  mallocTrim: declare('int malloc_trim(size_t pad)'),
  close: declare('int close(int fd)'),
  pipe2: declare('int pipe2(void *descriptors, int flags)'),
  fcntl: declare('int fcntl(int fd, int command, int64_t value)'),
  spawn: declare(
    'int posix_spawnp(void *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)',
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
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_EMPTY_PATH = 0x1000;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

export const errno = os.errno;
const errnoNames = new Map<number, string>(Object.entries(os.errno).map(([name, value]) => [value, name]));

/** Name of an errno, e.g. `ENOENT`; takes either sign. */
export function errnoName(value: number): string {
  return errnoNames.get(Math.abs(value)) ?? `errno ${Math.abs(value)}`;
}

/** What a call returned, or the negated errno. */
export const result = (value: number): number => (value === -1 ? -koffi.errno() : value);
/** The empty path. */
export const empty = Buffer.from([0]);

/** A name or path as the calls here take it. */
export function zName(name: Uint8Array | string): Buffer {
  const bytes = typeof name === 'string' ? Buffer.from(name) : name;
  const out = Buffer.allocUnsafe(bytes.length + 1);
  out.set(bytes);
  out[bytes.length] = 0;
  return out;
}

const scratch = Buffer.alloc(8192);

/** As `zName`, in memory that the next call uses again: for thousands of paths, each for one system call. */
export function zNameForNow(name: string): Buffer {
  // Of UTF-8 no character takes more than three bytes for each of its units.
  if (name.length * 3 >= scratch.length) return zName(name);
  scratch[scratch.write(name)] = 0;
  return scratch;
}
