/**
 * Walks over the records of one index page without making an object for each.
 *
 * Fields stand in the cursor itself until the next step: an unchanged account of a million files is
 * compared record by record, and nothing of it needs to live longer than the comparison. A path, a hash or a
 * whole entry is made only where somebody asks for it.
 */

import { HoldfastError } from '../errors.ts';
import { ByteReader } from './bytes.ts';
import { type Entry, entryFlags, fileType } from './entry.ts';
import { readEntry } from './page-reader.ts';

export interface ExtentSummary {
  /** Numbers of the objects in which contents lie. */
  readonly objects: readonly number[];
  readonly dataBytes: number;
}

/** In place of an object's number: the contents of a record lie in none, or in several. */
export const [noObject, severalObjects] = [-1, -2] as const;

export class PageCursor implements ExtentSummary {
  /** The path's bytes, up to `pathLength`; valid until the next step. */
  pathBytes = Buffer.allocUnsafe(1024);
  pathLength = 0;
  flags = 0;
  mode = 0;
  uid = 0;
  gid = 0;
  mtimeSeconds = 0;
  mtimeNanoseconds = 0;
  ctimeSeconds = 0;
  ctimeNanoseconds = 0;
  inodeLow = 0;
  inodeHigh = 0;
  /** Of a regular file that is not linked, else 0. */
  size = 0;
  /** Records passed, the present one included. */
  count = 0;
  /** Where the contents of the records passed lie. */
  readonly objects: number[] = [];
  dataBytes = 0;
  /** The page, and where in it the present record lies: from here to `end` its entry, of which the path comes first. */
  readonly plain: Buffer;
  start = 0;
  /** Bytes that its path shares with that of the record before it. */
  shared = 0;
  /** From here to `end` what follows the path. */
  tailStart = 0;
  /** From here to `extentsEnd` the extents. */
  extentsStart = 0;
  /** The object in which its contents lie, see `noObject`; and how many bytes of them. */
  object: number = noObject;
  objectBytes = 0;
  readonly #entries: ByteReader;
  readonly #extents: ByteReader;
  #path: string | null = null;
  #hashAt = -1;
  #lastObject = -1;

  constructor(plain: Buffer) {
    this.plain = plain;
    const head = new ByteReader(plain);
    const length = head.varint();
    this.#entries = new ByteReader(plain, head.offset, head.offset + length);
    this.#extents = new ByteReader(plain, head.offset + length);
  }

  /** False at the end of the page. @throws OBJECT_DAMAGED the page is not well formed */
  next(): boolean {
    const from = this.#entries;
    if (from.done) return false;
    this.start = from.offset;
    this.#readPath(from);
    this.tailStart = from.offset;
    this.flags = from.varint();
    this.mode = from.varint();
    this.uid = from.varint();
    this.gid = from.varint();
    this.mtimeSeconds = from.zigzag();
    this.mtimeNanoseconds = from.varint();
    this.ctimeSeconds = from.zigzag();
    this.ctimeNanoseconds = from.varint();
    this.inodeLow = from.varintLow();
    this.inodeHigh = from.high;
    if ((this.flags & entryFlags.xattrs) !== 0) {
      for (let left = from.varint(); left > 0; left--) {
        from.skip(from.varint());
        from.skip(from.varint());
      }
    }
    this.size = 0;
    this.#hashAt = -1;
    this.object = noObject;
    this.objectBytes = 0;
    this.extentsStart = this.#extents.offset;
    const type = this.mode & fileType.mask;
    if (type === fileType.regular && (this.flags & entryFlags.linked) === 0) {
      this.size = from.varint();
      if (this.size > 0) this.#passContent(from);
    } else if (type === fileType.link) from.skip(from.varint());
    else if (type === fileType.character || type === fileType.block) {
      from.varint();
      from.varint();
    }
    this.count++;
    return true;
  }

  #readPath(from: ByteReader): void {
    const shared = from.varint();
    const rest = from.varint();
    if (shared > this.pathLength) {
      throw new HoldfastError('OBJECT_DAMAGED', 'an index page is damaged', {
        hint: 'Run a full backup; `holdfast verify` shows which snapshots are affected.',
      });
    }
    this.shared = shared;
    const start = from.offset;
    from.skip(rest);
    // Grows with the longest path: a file system knows no limit for one.
    if (shared + rest > this.pathBytes.length) {
      const grown = Buffer.allocUnsafe(2 * (shared + rest));
      this.pathBytes.copy(grown, 0, 0, shared);
      this.pathBytes = grown;
    }
    // Not taken apart from an array: cold code would make three objects for each record.
    const bytes = this.pathBytes;
    const plain = this.plain;
    for (let i = 0; i < rest; i++) bytes[shared + i] = plain[start + i]!;
    this.pathLength = shared + rest;
    this.#path = null;
  }

  #passContent(from: ByteReader): void {
    this.#hashAt = from.offset;
    from.skip(32);
    const extents = this.#extents;
    for (let left = extents.varint(); left > 0; left--) {
      extents.varint();
      this.objectBytes += extents.varint();
      const object = extents.varint();
      extents.varint();
      this.object = this.object === noObject || this.object === object ? object : severalObjects;
      if (object === this.#lastObject) continue;
      this.#lastObject = object;
      if (!this.objects.includes(object)) this.objects.push(object);
    }
    this.dataBytes += this.objectBytes;
  }

  /** latin1: one character, one byte. */
  get path(): string {
    const path = this.#path ?? this.pathBytes.toString('latin1', 0, this.pathLength);
    this.#path = path;
    return path;
  }

  get inode(): bigint {
    return (BigInt(this.inodeHigh) << 32n) | BigInt(this.inodeLow);
  }

  /** Whether there is content, and so a hash of it. */
  get hasHash(): boolean {
    return this.#hashAt >= 0;
  }

  /** Null where there is no content. */
  get sha256(): Buffer | null {
    return this.#hashAt < 0 ? null : this.plain.subarray(this.#hashAt, this.#hashAt + 32);
  }

  get end(): number {
    return this.#entries.offset;
  }

  get extentsEnd(): number {
    return this.#extents.offset;
  }

  /** The record as an object of its own. */
  entry(): Entry {
    const entries = new ByteReader(this.plain, this.tailStart, this.#entries.offset);
    const extents = new ByteReader(this.plain, this.extentsStart, this.#extents.offset);
    return readEntry(Buffer.from(this.pathBytes.subarray(0, this.pathLength)), entries, extents);
  }
}

/** Shows the records from number `from` up to number `to` of a page, one after another. */
export function eachRecord(
  plain: Buffer,
  from: number,
  to: number,
  show: (record: PageCursor) => void,
): void {
  const cursor = new PageCursor(plain);
  for (let i = 0; i < to && cursor.next(); i++) if (i >= from) show(cursor);
}
