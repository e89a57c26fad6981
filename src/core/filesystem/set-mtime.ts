/**
 * Sets times of modification, and looks whether they were taken: a file system may keep the nearest time that it can
 * hold, or the one it has, and say nothing.
 */

import type { Entry } from '../archive/entry.ts';
import { AT_FDCWD, c, errno, result } from './libc.ts';
import { Stat, statFd } from './native.ts';
import type { XattrSubject } from './xattrs.ts';

const timesBuffer = Buffer.alloc(32);
const [UTIME_NOW, UTIME_OMIT] = [0x3fffffff, 0x3ffffffe];
/** The largest number that is a time of 64 bits. */
const maxSeconds = 2 ** 63 - 1024;
const found = new Stat();

type Time = Pick<Entry, 'mtimeSeconds' | 'mtimeNanoseconds'>;

/**
 * Of the inode that `fd`, perhaps an O_PATH descriptor, and `subject` both mean. The time of access stays as it is
 * where the file system can set one without the other.
 *
 * @returns 0, or the negated errno: ERANGE where it was taken and is another
 */
export function setMtime(fd: number, subject: XattrSubject, time: Time): number {
  const rc = set(subject, time, UTIME_OMIT);
  if (rc < 0 || isSet(fd, time)) return rc;
  // Programs that use FUSE by the second version of its library do not hear of one time alone.
  const both = set(subject, time, UTIME_NOW);
  return both < 0 || isSet(fd, time) ? both : -errno.ERANGE;
}

function set(subject: XattrSubject, { mtimeSeconds, mtimeNanoseconds }: Time, access: number): number {
  timesBuffer.writeBigInt64LE(BigInt(access), 8);
  timesBuffer.writeBigInt64LE(BigInt.asIntN(64, BigInt(Math.min(mtimeSeconds, maxSeconds))), 16);
  timesBuffer.writeBigInt64LE(BigInt(mtimeNanoseconds), 24);
  if (typeof subject === 'number') return result(c.futimens(subject, timesBuffer));
  return result(c.utimensat(AT_FDCWD, subject, timesBuffer, 0));
}

const isSet = (fd: number, { mtimeSeconds, mtimeNanoseconds }: Time): boolean =>
  statFd(fd, found) === 0 &&
  found.mtimeSeconds === mtimeSeconds &&
  found.mtimeNanoseconds === mtimeNanoseconds;
