/**
 * System calls about processes rather than files: programs and pipes to them, memory, and the network of a thread.
 *
 * As in `native.ts`, what fails is told by the negated errno.
 */

import { c, errno, errnoName, O, result } from './libc.ts';

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
