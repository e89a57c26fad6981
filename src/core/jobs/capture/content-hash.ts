/**
 * Reads open regular files to know their hashes, and whether they have the content that a snapshot recorded.
 *
 * Where a file has holes its hash is over the places of its data as well. Those depend on the moment: space that was
 * reserved and never written counts as data once somebody has read it, and as a hole again later.
 */

import { createHash, hash } from 'node:crypto';
import { type Content, hasHoles } from '../../archive/entry.ts';
import { hashRange } from '../../archive/hash-range.ts';
import type { DataRange } from '../../archive/tar.ts';
import { dataRanges } from '../../filesystem/data-ranges.ts';
import { Stat, statFd } from '../../filesystem/native.ts';
import { readFully } from './read-ahead.ts';

type Ranges = readonly DataRange[];

const after = new Stat();
/** Files up to this size are read in place and can be taken back. */
export const smallBytes = 1024 * 1024;
const scanBuffer = Buffer.allocUnsafeSlow(smallBytes);
const zeros = Buffer.alloc(scanBuffer.length);

export function unchanged(fd: number, before: Stat): boolean {
  return (
    statFd(fd, after) === 0 &&
    after.size === before.size &&
    after.mtimeNanoseconds === before.mtimeNanoseconds &&
    after.mtimeSeconds === before.mtimeSeconds &&
    after.ctimeNanoseconds === before.ctimeNanoseconds &&
    after.ctimeSeconds === before.ctimeSeconds
  );
}

/** Where its data lies; null for a file without holes. */
export function rangesOf(fd: number, { size, blocks }: Stat): readonly DataRange[] | null {
  return size > 0 && blocks * 512 < size ? dataRanges(fd, size) : null;
}

/** It has no holes, and is read in one piece. */
export const isSmall = ({ size, blocks }: Stat): boolean => size <= scanBuffer.length && blocks * 512 >= size;

/** Null where less can be read. */
export function smallHash(fd: number, size: number): Buffer | null {
  if (readFully(fd, scanBuffer, 0, size, 0) < size) return null;
  return hash('sha256', scanBuffer.subarray(0, size), 'buffer');
}

/**
 * Reads a file to see whether it has this content still. False as well where it changes meanwhile.
 *
 * @param recorded the same content as the snapshot has it; asked only where the hash is another
 * @param checkStop called now and then
 */
export function hasContent(
  fd: number,
  stat: Stat,
  sha256: Buffer,
  { recorded, checkStop }: { readonly recorded: () => Content | null; readonly checkStop: () => void },
): boolean {
  const ranges = rangesOf(fd, stat);
  const found = hashOf(fd, stat, ranges, checkStop);
  if (found === null || found.equals(sha256)) return found !== null;
  const content = recorded();
  if (content === null || content.size !== stat.size) return false;
  const before = hasHoles(content) ? rangesOfContent(content) : null;
  if (before === null && ranges === null) return false;
  // The data may lie elsewhere now without a byte being another.
  const now = ranges ?? [{ offset: 0, length: stat.size }];
  if (before !== null && !outside(now, before).every((range) => isZero(fd, range))) return false;
  return hashOf(fd, stat, before, checkStop)?.equals(sha256) === true;
}

/** Where a snapshot has the data of a file. */
function rangesOfContent({ extents }: Content): Ranges {
  const ranges: DataRange[] = [];
  for (const { offset, length } of [...extents].sort((a, b) => a.offset - b.offset)) {
    const last = ranges.at(-1);
    if (last === undefined || last.offset + last.length < offset) ranges.push({ offset, length });
    else ranges[ranges.length - 1] = { offset: last.offset, length: offset + length - last.offset };
  }
  return ranges;
}

/** What of `ranges` none of `others` covers; both ascend. */
function outside(ranges: Ranges, others: Ranges): DataRange[] {
  const left: DataRange[] = [];
  let other = 0;
  for (const { offset, length } of ranges) {
    const end = offset + length;
    let at = offset;
    while (at < end) {
      while (other < others.length && others[other]!.offset + others[other]!.length <= at) other++;
      const next = others[other];
      const until = Math.min(end, next?.offset ?? end);
      if (until > at) left.push({ offset: at, length: until - at });
      at = next === undefined ? end : Math.max(until, Math.min(end, next.offset + next.length));
    }
  }
  return left;
}

function isZero(fd: number, { offset, length }: DataRange): boolean {
  for (let at = 0; at < length; ) {
    const part = Math.min(length - at, scanBuffer.length);
    if (readFully(fd, scanBuffer, 0, part, offset + at) < part) return false;
    if (scanBuffer.compare(zeros, 0, part, 0, part) !== 0) return false;
    at += part;
  }
  return true;
}

/** Null where the file changed meanwhile. `checkStop` is called between the pieces of a large one. */
export function hashOf(
  fd: number,
  stat: Stat,
  ranges: readonly DataRange[] | null,
  checkStop: () => void,
): Buffer | null {
  const { size } = stat;
  if (ranges === null && size <= scanBuffer.length) {
    const found = smallHash(fd, size);
    return unchanged(fd, stat) ? found : null;
  }
  const digest = createHash('sha256');
  for (const { offset, length } of ranges ?? [{ offset: 0, length: size }]) {
    if (ranges !== null) hashRange(digest, offset, length);
    for (let at = 0; at < length; ) {
      const part = Math.min(length - at, scanBuffer.length);
      if (readFully(fd, scanBuffer, 0, part, offset + at) < part) return null;
      digest.update(scanBuffer.subarray(0, part));
      at += part;
      checkStop();
    }
  }
  return unchanged(fd, stat) ? digest.digest() : null;
}
