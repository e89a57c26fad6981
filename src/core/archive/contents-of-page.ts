/**
 * The sizes and hashes of the contents that one index page names, and nothing else of its records.
 *
 * A night that finds one changed file asks for those of the whole account, in code that is not yet optimized: so it is one
 * loop, without a call or an object for each record.
 */

import { HoldfastError } from '../errors.ts';
import { ByteReader } from './bytes.ts';
import { entryFlags, fileType } from './entry.ts';

/** Owner, group, times and inode, which stand between mode and attributes. */
const numbersAfterMode = 7;
const hashBytes = 32;

/**
 * @param note hears of each record that has content of its own, with its number in the page from 0 on, the content's size and
 *   where in the page its hash begins
 * @throws OBJECT_DAMAGED the page is not well formed
 */
export function eachContent(
  plain: Buffer,
  note: (record: number, size: number, hashAt: number) => void,
): void {
  const head = new ByteReader(plain);
  const length = head.varint();
  let at = head.offset;
  const end = Math.min(at + length, plain.length);
  const number = (): number => {
    let byte = plain[at++]!;
    let value = byte & 0x7f;
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      byte = plain[at++]!;
      value += (byte & 0x7f) * scale;
    }
    return value;
  };
  const skip = (): void => {
    const length = number();
    at += length;
  };
  for (let record = 0; at < end; record++) {
    while (plain[at++]! >= 0x80);
    skip();
    const flags = number();
    const type = number() & fileType.mask;
    for (let left = numbersAfterMode; left > 0 && at < end; ) if (plain[at++]! < 0x80) left--;
    if ((flags & entryFlags.xattrs) !== 0) {
      for (let left = 2 * number(); left > 0 && at < end; left--) skip();
    }
    if (type === fileType.regular && (flags & entryFlags.linked) === 0) {
      const size = number();
      if (size > 0) {
        at += hashBytes;
        if (at > end) break;
        note(record, size, at - hashBytes);
      }
    } else if (type === fileType.link) skip();
    else if (type === fileType.character || type === fileType.block) {
      number();
      number();
    }
  }
  if (at === end && end === head.offset + length) return;
  throw new HoldfastError('OBJECT_DAMAGED', 'an index page is damaged', {
    hint: 'Run `holdfast verify` to see which snapshots are affected.',
  });
}
