/** An entry of the index, from what the kernel says of an inode. */

import { type Entry, entryFlags, fileType, typeOf } from '../../archive/entry.ts';
import { stopWhereExhausted } from '../../filesystem/exhaustion.ts';
import { inodeFlagsOf } from '../../filesystem/inode-flags.ts';
import type { Stat } from '../../filesystem/native.ts';
import { type XattrBackend, XattrError, type XattrSubject } from '../../filesystem/xattrs.ts';

/** An entry whose ctime is younger than this may change again without its ctime changing. */
const racyMs = 2000;
/**
 * So may what a file holds: the kernel dates a file where a `write` begins, however long that takes, and what is written through a
 * memory map once in the 35 seconds until it goes to the disk (`vm.dirty_expire_centisecs`, and the flusher's five).
 */
const racyContentMs = 45_000;
const withoutXattrs = { xattrs: [], whole: true } as const;

export interface ToDescribe {
  /** With the name of its tree, latin1. */
  readonly full: string;
  readonly stat: Stat;
  /** Null: its attributes are not looked at. */
  readonly subject: XattrSubject | null;
  readonly flags: number;
  /** Before `stat` was taken: what changes from then on may do so without another ctime. */
  readonly seenMs: number;
}

/** @param warn is told of attributes that cannot be read; those that can are in the entry */
export function describeEntry(
  { full, stat, subject, flags, seenMs }: ToDescribe,
  backend: XattrBackend,
  warn: (message: string) => void,
): Entry {
  const ctimeMs = stat.ctimeSeconds * 1000 + stat.ctimeNanoseconds / 1e6;
  const { xattrs, whole } = subject === null ? withoutXattrs : xattrsOf(subject, backend, warn);
  // What lacks its attributes must not pass for unchanged in the next snapshot.
  const type = typeOf(stat);
  const youngMs = type === fileType.regular ? racyContentMs : racyMs;
  const racy = !whole || seenMs - ctimeMs < youngMs;
  // Others have none that could be set.
  const hasInodeFlags = type === fileType.regular || type === fileType.directory;
  return {
    path: Buffer.from(full, 'latin1'),
    flags: flags | (racy ? entryFlags.racy : 0) | (hasInodeFlags ? inodeFlagsOf(stat.attributes) : 0),
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    mtimeSeconds: stat.mtimeSeconds,
    mtimeNanoseconds: stat.mtimeNanoseconds,
    ctimeSeconds: stat.ctimeSeconds,
    ctimeNanoseconds: stat.ctimeNanoseconds,
    inode: stat.inode,
    xattrs,
    content: null,
    target: null,
    rdevMajor: stat.rdevMajor,
    rdevMinor: stat.rdevMinor,
  };
}

function xattrsOf(
  subject: XattrSubject,
  backend: XattrBackend,
  warn: (message: string) => void,
): { readonly xattrs: Entry['xattrs']; readonly whole: boolean } {
  try {
    return { xattrs: backend.read(subject), whole: true };
  } catch (error) {
    if (!(error instanceof XattrError)) throw error;
    stopWhereExhausted(error.errno);
    warn(error.message);
    return { xattrs: error.found, whole: false };
  }
}
