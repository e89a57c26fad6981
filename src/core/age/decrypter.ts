/**
 * Opens whole age files as Holdfast writes them, from the first byte to the last.
 *
 * Every chunk is authentic before its bytes are handed on; that nothing is missing at the end is known, and
 * said by an error, only when the stream has ended. Files for other kinds of recipients are not opened here.
 *
 * Who asks has the keys of the object's epoch already. One that none of them opens was altered or exchanged, and is
 * damaged like any other: whoever can write to the store could otherwise end a whole run with a wrong key.
 */

import type { KeyObject } from 'node:crypto';
import { HoldfastError } from '../errors.ts';
import { chunksOf, decryptChunk, decryptChunks, payloadSize, storedChunkBytes } from './chunks.ts';
import { openHeader, payloadStart } from './header.ts';
import type { KeyPair } from './x25519.ts';

export function damagedAge(what: string, why: string): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', `${what} is damaged: ${why}`, {
    hint: 'Run `holdfast verify --read-data`, and restore from another snapshot.',
  });
}

/** What is said where no key that could be opened is the one it was made for. */
export const noKeyFits = 'no key of its epoch opens it';

/** @throws OBJECT_DAMAGED */
function keyOf(header: Buffer, pairs: readonly KeyPair[], what: string): KeyObject {
  for (const pair of pairs) {
    const opened = openHeader(header, pair);
    if (opened.result === 'open') return opened.payloadKey;
    if (opened.result === 'damaged') throw damagedAge(what, 'it has no valid age header');
  }
  throw damagedAge(what, noKeyFits);
}

/** @throws OBJECT_DAMAGED also where it was cut short or has something behind its end, or is for another key */
export function decryptWhole(file: Buffer, pair: KeyPair, what: string): Buffer {
  const key = keyOf(file.subarray(0, payloadStart), [pair], what);
  const size = payloadSize(file.length);
  if (size === null) throw damagedAge(what, 'it does not end with a whole chunk');
  const plain = decryptChunks(key, file.subarray(payloadStart), 0, chunksOf(size) - 1);
  if (plain === null) throw damagedAge(what, 'a chunk is not authentic');
  return plain;
}

/** Payload of a stream, chunk by chunk, with the first pair that opens it. @throws OBJECT_DAMAGED */
export const decryptStream = (
  stored: AsyncIterable<Uint8Array>,
  pairs: readonly KeyPair[],
  what: string,
): AsyncGenerator<Buffer> =>
  decryptPayload(stored, what, async (head) =>
    head.length < payloadStart
      ? null
      : { key: keyOf(head.subarray(0, payloadStart), pairs, what), start: payloadStart },
  );

/**
 * Payload of a stream, chunk by chunk. `open` gets the bytes so far until it finds the key, and where the payload starts.
 *
 * @throws OBJECT_DAMAGED it was altered, cut short, or has something behind its end; and whatever `open` throws
 */
export async function* decryptPayload(
  stored: AsyncIterable<Uint8Array>,
  what: string,
  open: (head: Buffer) => Promise<{ readonly key: KeyObject; readonly start: number } | null>,
): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let key: KeyObject | null = null;
  let chunk = 0;
  for await (const piece of stored) {
    rest =
      rest.length === 0
        ? Buffer.from(piece.buffer, piece.byteOffset, piece.length)
        : Buffer.concat([rest, piece]);
    if (key === null) {
      const opened = await open(rest);
      if (opened === null) continue;
      key = opened.key;
      rest = rest.subarray(opened.start);
    }
    // The last chunk has a mark of its own, so whole chunks wait until something follows them.
    const whole = Math.max(0, Math.ceil(rest.length / storedChunkBytes) - 1);
    if (whole === 0) continue;
    const plain = decryptChunks(key, rest.subarray(0, whole * storedChunkBytes), chunk, -1);
    if (plain === null) throw damagedAge(what, 'a chunk is not authentic');
    chunk += whole;
    rest = rest.subarray(whole * storedChunkBytes);
    yield plain;
  }
  if (key === null) throw damagedAge(what, 'it ends within its header');
  const last = decryptChunk(key, chunk, true, rest);
  // An empty last chunk is allowed only where the payload is empty.
  if (last === null || (last.length === 0 && chunk > 0))
    throw damagedAge(what, 'it is not authentic to its end');
  if (last.length > 0) yield last;
}
