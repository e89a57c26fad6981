/**
 * Whether a live inode is what the snapshot has: its metadata exactly, its content by size and time or by hash.
 */

import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { type Content, type Entry, hasHoles, type Xattr } from '../../archive/entry.ts';
import { hashRange } from '../../archive/hash-range.ts';
import type { DataRange } from '../../archive/tar.ts';
import { dataRanges } from '../../filesystem/data-ranges.ts';
import { AT_FDCWD, closeFd, errno, errnoName, O, openAt, type Stat } from '../../filesystem/native.ts';
import { isAlwaysKept, magicPath } from '../../filesystem/xattrs.ts';
import { unwritable } from './obstacles.ts';

const buffer = Buffer.allocUnsafeSlow(1024 * 1024);

export const sameTime = (entry: Entry, stat: Stat): boolean =>
  entry.mtimeSeconds === stat.mtimeSeconds && entry.mtimeNanoseconds === stat.mtimeNanoseconds;

/** Mode, owner and time; attributes are compared by `sameXattrs`. */
export const sameMetadata = (entry: Entry, stat: Stat): boolean =>
  entry.mode === stat.mode && entry.uid === stat.uid && entry.gid === stat.gid && sameTime(entry, stat);

/** Both sorted by name. What a restore leaves in place although it is not wanted does not count. */
export function sameXattrs(found: readonly Xattr[], wanted: readonly Xattr[]): boolean {
  const counted = found.filter(
    ({ name }) => !isAlwaysKept(name.toString('latin1')) || wanted.some((one) => one.name.equals(name)),
  );
  return (
    counted.length === wanted.length &&
    counted.every((one, i) => one.name.equals(wanted[i]!.name) && one.value.equals(wanted[i]!.value))
  );
}

/**
 * By hash; the sizes are equal already.
 *
 * @param fd an O_PATH descriptor of a regular file
 * @throws TARGET_UNWRITABLE it cannot be read
 */
export function sameContent(fd: number, content: Content): boolean {
  if (content.size === 0) return true;
  if (content.sha256 === null) return false;
  const opened = openAt(AT_FDCWD, magicPath(fd), O.RDONLY | O.NONBLOCK | O.NOATIME);
  if (opened === -errno.EAGAIN) return false; // whoever has a lease on it may change it as they like
  if (opened < 0) throw unwritable(`cannot be read: ${errnoName(opened)}`);
  try {
    return hashOf(opened, content)?.equals(content.sha256) ?? false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return false; // unreadable content is as good as another
  } finally {
    closeFd(opened);
  }
}

/** As docs/format.md, section 4, defines it. Null where the holes are elsewhere, or it is shorter by now. */
function hashOf(fd: number, content: Content): Buffer | null {
  const digest = createHash('sha256');
  if (!hasHoles(content)) return update(fd, 0, content.size) ? digest.digest() : null;
  const wanted = joined(content);
  const found = dataRanges(fd, content.size);
  if (found === null || found.length !== wanted.length) return null;
  for (const [i, { offset, length }] of wanted.entries()) {
    if (found[i]!.offset !== offset || found[i]!.length !== length) return null;
    hashRange(digest, offset, length);
    if (!update(fd, offset, length)) return null;
  }
  return digest.digest();

  function update(from: number, offset: number, length: number): boolean {
    for (let done = 0; done < length; ) {
      const read = readSync(from, buffer, 0, Math.min(buffer.length, length - done), offset + done);
      if (read === 0) return false;
      digest.update(buffer.subarray(0, read));
      done += read;
    }
    return true;
  }
}

function joined(content: Content): DataRange[] {
  const ranges: { offset: number; length: number }[] = [];
  for (const { offset, length } of content.extents) {
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += length;
    else ranges.push({ offset, length });
  }
  return ranges;
}
