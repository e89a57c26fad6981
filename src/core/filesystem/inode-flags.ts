/**
 * What `chattr` sets and a restore brings back: immutable (i), append-only (a), left out by dump (d).
 *
 * Bits are those of `FS_IOC_SETFLAGS` (`include/uapi/linux/fs.h` of Linux), which statx has as well.
 */

import { entryFlags, inodeFlags } from '../archive/entry.ts';
import { c, result } from './libc.ts';
import type { Stat } from './native.ts';

const shift = 3;
/** All that are known here, as the kernel has them: 0x10, 0x20 and 0x40. */
const known = inodeFlags >> shift;

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const word = Buffer.alloc(8);

/** Of an entry, from the attributes of statx. */
export const inodeFlagsOf = (attributes: number): number => (attributes & known) << shift;

const unchangeable = (entryFlags.immutable | entryFlags.appendOnly) >> shift;

/** `chattr +i` or `+a`, where the file system tells. */
export const isUnchangeable = ({ attributes }: Pick<Stat, 'attributes'>): boolean =>
  (attributes & unchangeable) !== 0;

/**
 * Gives an open file or directory these flags and none of the others; what else its file system keeps for it stays.
 *
 * @param flags of an entry; what is not of `inodeFlags` is passed over
 * @returns 0, or the negated errno: EPERM without CAP_LINUX_IMMUTABLE, ENOTTY or EOPNOTSUPP where the file system has none
 */
export function setInodeFlags(fd: number, flags: number): number {
  const rc = result(c.ioctl(fd, FS_IOC_GETFLAGS, word));
  if (rc < 0) return rc;
  const before = word.readUInt32LE(0);
  const after = (before & ~known) | ((flags & inodeFlags) >> shift);
  if (after === before) return 0;
  word.writeUInt32LE(after >>> 0, 0);
  return result(c.ioctl(fd, FS_IOC_SETFLAGS, word));
}
