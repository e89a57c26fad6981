/**
 * Walks over the records of one index page for the sizes and hashes of their contents alone.
 *
 * A night that finds one changed file asks for those of the whole account: nothing else of a record is decoded, and no
 * object is made for it.
 */

import { ByteReader } from './bytes.ts';
import { entryFlags, fileType } from './entry.ts';

/** Owner, group, times and inode, which stand between mode and attributes. */
const numbersAfterMode = 7;

export class ContentCursor {
  /** Records passed, the present one included. */
  count = 0;
  /** Bytes of the content that the record holds itself; 0 where it holds none, and so has no hash. */
  size = 0;
  /** The first four bytes of the content's hash. */
  hashStart = 0;
  readonly #plain: Buffer;
  readonly #entries: ByteReader;

  constructor(plain: Buffer) {
    this.#plain = plain;
    const head = new ByteReader(plain);
    const length = head.varint();
    this.#entries = new ByteReader(plain, head.offset, head.offset + length);
  }

  /** False at the end of the page. @throws OBJECT_DAMAGED the page is not well formed */
  next(): boolean {
    const from = this.#entries;
    if (from.done) return false;
    from.varint();
    from.skip(from.varint());
    const flags = from.varint();
    const type = from.varint() & fileType.mask;
    for (let i = 0; i < numbersAfterMode; i++) from.skipVarint();
    if ((flags & entryFlags.xattrs) !== 0) {
      for (let left = from.varint(); left > 0; left--) {
        from.skip(from.varint());
        from.skip(from.varint());
      }
    }
    this.size = 0;
    if (type === fileType.regular && (flags & entryFlags.linked) === 0) {
      this.size = from.varint();
      if (this.size > 0) {
        from.skip(32);
        this.hashStart = this.#plain.readUInt32LE(from.offset - 32);
      }
    } else if (type === fileType.link) from.skip(from.varint());
    else if (type === fileType.character || type === fileType.block) {
      from.skipVarint();
      from.skipVarint();
    }
    this.count++;
    return true;
  }
}
