/**
 * Walks over the records of one index page without making an object for each.
 *
 * Fields stand in the cursor itself until the next step: an unchanged account of a million files is
 * compared record by record, and nothing of it needs to live longer than the comparison.
 */

import { HoldfastError } from '../errors.ts';
import { ByteReader } from './bytes.ts';
import { entryFlags, fileType } from './entry.ts';

export interface ExtentSummary {
  /** Numbers of the objects in which contents lie. */
  readonly objects: readonly number[];
  readonly dataBytes: number;
}

export class PageCursor {
  /** latin1: one character, one byte. */
  path = '';
  flags = 0;
  mode = 0;
  uid = 0;
  gid = 0;
  mtimeSeconds = 0;
  mtimeNanoseconds = 0;
  ctimeSeconds = 0;
  ctimeNanoseconds = 0;
  inode = 0n;
  /** Of a regular file that is not linked, else 0. */
  size = 0;
  /** Null where there is no content. */
  sha256: Buffer | null = null;
  /** Records passed, the present one included. */
  count = 0;
  readonly #entries: ByteReader;
  readonly #plain: Buffer;
  readonly #extentsStart: number;
  /** Grows with the longest path: a file system knows no limit for one. */
  #pathBytes = Buffer.allocUnsafe(65536);
  #pathLength = 0;

  constructor(plain: Buffer) {
    this.#plain = plain;
    const head = new ByteReader(plain);
    const length = head.varint();
    this.#extentsStart = head.offset + length;
    this.#entries = new ByteReader(plain, head.offset, this.#extentsStart);
  }

  /** False at the end of the page. @throws OBJECT_DAMAGED the page is not well formed */
  next(): boolean {
    const from = this.#entries;
    if (from.done) return false;
    const shared = from.varint();
    const rest = from.bytes();
    if (shared > this.#pathLength) {
      throw new HoldfastError('OBJECT_DAMAGED', 'an index page is damaged', {
        hint: 'Run a full backup; `holdfast verify` shows which snapshots are affected.',
      });
    }
    if (shared + rest.length > this.#pathBytes.length) {
      const grown = Buffer.allocUnsafe(2 * (shared + rest.length));
      this.#pathBytes.copy(grown, 0, 0, shared);
      this.#pathBytes = grown;
    }
    rest.copy(this.#pathBytes, shared);
    this.#pathLength = shared + rest.length;
    this.path = this.#pathBytes.toString('latin1', 0, this.#pathLength);
    this.flags = from.varint();
    this.mode = from.varint();
    this.uid = from.varint();
    this.gid = from.varint();
    this.mtimeSeconds = from.zigzag();
    this.mtimeNanoseconds = from.varint();
    this.ctimeSeconds = from.zigzag();
    this.ctimeNanoseconds = from.varint();
    this.inode = from.varint64();
    if ((this.flags & entryFlags.xattrs) !== 0) {
      for (let left = from.varint(); left > 0; left--) {
        from.skip(from.varint());
        from.skip(from.varint());
      }
    }
    this.size = 0;
    this.sha256 = null;
    const type = this.mode & fileType.mask;
    if (type === fileType.regular && (this.flags & entryFlags.linked) === 0) {
      this.size = from.varint();
      if (this.size > 0) this.sha256 = from.raw(32);
    } else if (type === fileType.link) from.skip(from.varint());
    else if (type === fileType.character || type === fileType.block) {
      from.varint();
      from.varint();
    }
    this.count++;
    return true;
  }

  /** Where all of the page's contents lie. */
  extents(): ExtentSummary {
    const from = new ByteReader(this.#plain, this.#extentsStart);
    const objects = new Set<number>();
    let dataBytes = 0;
    while (!from.done) {
      for (let left = from.varint(); left > 0; left--) {
        from.varint();
        dataBytes += from.varint();
        objects.add(from.varint());
        from.varint();
      }
    }
    return { objects: [...objects], dataBytes };
  }
}
