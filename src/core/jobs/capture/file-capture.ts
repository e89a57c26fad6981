/**
 * Reads one open regular file into the current segment and says where its content lies.
 *
 * A file that changes meanwhile is captured once more and the later copy counts; if that one changed
 * too, it is marked. Sizes in headers are promises, so a file that shrinks is filled up with zeros.
 */

import { createHash, hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { type Content, type Entry, hasHoles } from '../../archive/entry.ts';
import { hashRange } from '../../archive/hash-range.ts';
import { type DataRange, padding, sparseMap } from '../../archive/tar.ts';
import { errno, type Stat, statFd } from '../../filesystem/native.ts';
import { systemCode } from '../../system-code.ts';
import { hashOf, rangesOf, smallBytes, unchanged } from './content-hash.ts';
import type { KnownContents } from './known-contents.ts';
import { readFully } from './read-ahead.ts';
import { extentsOf, memberOf, type SegmentWriter } from './segment-writer.ts';

export interface CapturedFile {
  readonly content: Content;
  /** The entry as it was when its content was read. */
  readonly entry: Entry;
  readonly changed: boolean;
  /** xattrs the tar had no room for. */
  readonly omitted: readonly string[];
  /** Bytes of data, holes left out. */
  readonly dataBytes: number;
  /** Name of the error that ended reading early; what follows is zeros. */
  readonly readError: string | null;
}

export interface CaptureTarget {
  readonly segments: SegmentWriter;
  /** Content that need not be stored again; null where everything is. */
  readonly known: KnownContents | null;
  /** What the parent has for this very name, where there is anything. */
  readonly before?: Content | null;
  /** Called between the pieces of a large file. @throws INTERRUPTED */
  checkStop(): void;
}

const none: readonly DataRange[] = [];
const zeros = Buffer.alloc(65536);

/** Only files that are nearly all hole are longer than any number in an index says exactly. */
function requireSayable({ size }: Stat): void {
  if (Number.isSafeInteger(size)) return;
  throw Object.assign(new Error('a file of 2^53 bytes or more'), { code: 'EFBIG', errno: -errno.EFBIG });
}

/**
 * @param stat of `fd`; filled anew where the file changed
 * @param describe makes the entry from `stat` (and the descriptor's xattrs)
 * @throws an Error with a number as its `errno` where nothing of it can be captured
 */
export function captureFile(
  fd: number,
  stat: Stat,
  describe: () => Entry,
  target: CaptureTarget,
): CapturedFile {
  for (let attempt = 0; ; attempt++) {
    requireSayable(stat);
    const entry = describe();
    const ranges = rangesOf(fd, stat);
    const small = ranges === null && stat.size <= smallBytes;
    const captured = small
      ? captureSmall(fd, stat, entry, target, attempt)
      : (knownLarge(fd, stat, entry, ranges, target) ?? captureLarge(fd, stat, entry, ranges, target));
    if (captured !== null && (!captured.changed || captured.readError !== null || attempt > 0))
      return captured;
    statFd(fd, stat);
  }
}

/** Null where the file changed and was taken back. */
function captureSmall(
  fd: number,
  stat: Stat,
  entry: Entry,
  target: CaptureTarget,
  attempt: number,
): CapturedFile | null {
  const { segments, known } = target;
  const { size } = stat;
  // Only the tar of a full has members without content.
  if (size === 0 && known !== null && unchanged(fd, stat))
    return notStored(entry, { size, sha256: null, extents: [] });
  const header = segments.tar.header(memberOf(entry, '0', null, size, null), null);
  const omitted = segments.tar.omitted;
  const total = header.length + size + padding(size);
  const frames = segments.reserve(total);
  const start = frames.used + header.length;
  frames.buffer.set(header, frames.used);
  const read = size === 0 ? 0 : readFully(fd, frames.buffer, start, size, 0);
  const changed = read < size || !unchanged(fd, stat);
  if (changed && attempt === 0) return null;
  frames.buffer.fill(0, start + read, start + size + padding(size));
  const data = frames.buffer.subarray(start, start + size);
  const sha256 = size === 0 ? null : hash('sha256', data, 'buffer');
  if (sha256 !== null && !changed) {
    // The bytes are in the frame, but nothing says so yet: they are simply written over.
    const same = findKnown(size, sha256, false, target);
    if (same !== null) return notStored(entry, same);
  }
  const tarOffset = frames.position + header.length;
  frames.advance(total);
  const ranges = size === 0 ? none : [{ offset: 0, length: size }];
  const content = { size, sha256, extents: extentsOf(ranges, segments.number, tarOffset) };
  known?.note(content);
  return { content, entry, changed, omitted, dataBytes: size, readError: null };
}

/** What was only touched, or written again as it was, is known without a look at anything else. */
function findKnown(
  size: number,
  sha256: Buffer,
  sparse: boolean,
  { known, before = null }: CaptureTarget,
): Content | null {
  if (known === null) return null;
  const isBefore = before?.sha256?.equals(sha256) === true && hasHoles(before) === sparse;
  return isBefore && before.size === size ? before : known.find(size, sha256, sparse);
}

function notStored(entry: Entry, content: Content): CapturedFile {
  return { content, entry, changed: false, omitted: [], dataBytes: 0, readError: null };
}

/** Reads a large file once without storing it, where that may spare storing it. Null: it must be stored. */
function knownLarge(
  fd: number,
  stat: Stat,
  entry: Entry,
  ranges: readonly DataRange[] | null,
  target: CaptureTarget,
): CapturedFile | null {
  const { known, before } = target;
  if (known === null || (before?.size !== stat.size && !known.mayHaveSize(stat.size))) return null;
  const sha256 = readableHash(fd, stat, ranges, target.checkStop);
  const same = sha256 === null ? null : findKnown(stat.size, sha256, ranges !== null, target);
  return same === null ? null : notStored(entry, same);
}

/** Null too where the disk does not give all of it: it is then stored as far as it can be read. */
function readableHash(
  fd: number,
  stat: Stat,
  ranges: readonly DataRange[] | null,
  checkStop: () => void,
): Buffer | null {
  try {
    return hashOf(fd, stat, ranges, checkStop);
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).errno !== 'number') throw error;
    return null;
  }
}

function captureLarge(
  fd: number,
  stat: Stat,
  entry: Entry,
  ranges: readonly DataRange[] | null,
  { segments, known }: CaptureTarget,
): CapturedFile {
  const { size } = stat;
  const map = ranges === null ? null : sparseMap(ranges, size);
  const header = segments.tar.header(memberOf(entry, '0', null, size, ranges), map);
  const omitted = segments.tar.omitted;
  const stored = ranges ?? [{ offset: 0, length: size }];
  const dataBytes = stored.reduce((sum, range) => sum + range.length, 0);
  const frames = segments.open(header.length + dataBytes + (map?.length ?? 0));
  frames.write(header);
  if (map !== null) frames.write(map);
  const tarOffset = frames.position;
  const digest = createHash('sha256');
  let short = false;
  let readError: string | null = null;
  for (const { offset, length } of stored) {
    if (ranges !== null) hashRange(digest, offset, length);
    for (let at = 0; at < length; ) {
      const part = Math.min(length - at, frames.room);
      let read = 0;
      try {
        // Piece by piece, so that what came before an error is kept.
        while (readError === null && read < part) {
          const got = readSync(fd, frames.buffer, frames.used + read, part - read, offset + at + read);
          if (got === 0) break;
          read += got;
        }
      } catch (error) {
        // The header has promised the size: the member is completed, or every later one would be lost.
        readError = systemCode(error) ?? 'an error';
      }
      if (read < part) short = true;
      frames.buffer.fill(0, frames.used + read, frames.used + part);
      digest.update(frames.buffer.subarray(frames.used, frames.used + part));
      frames.advance(part);
      at += part;
    }
  }
  frames.write(zeros.subarray(0, padding(dataBytes)));
  const extents = extentsOf(stored, segments.number, tarOffset);
  const content = { size, sha256: digest.digest(), extents };
  known?.note(content);
  return {
    content,
    entry,
    changed: short || !unchanged(fd, stat),
    omitted,
    dataBytes,
    readError,
  };
}
