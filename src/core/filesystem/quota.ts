/** Quotas of a file system: what a user, a group or a project may have there, and has. */

import { c, zName } from './libc.ts';

/** Bytes and inodes; 0: no limit. */
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
