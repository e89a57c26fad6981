/**
 * Byte streams in and out of memory.
 */

import { HoldfastError } from './errors.ts';

export async function* bytesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** The same stream, which a store may never end. @throws OBJECT_DAMAGED more than `size` bytes come */
export async function* atMost(
  stream: AsyncIterable<Uint8Array>,
  size: number,
  key: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let length = 0;
  for await (const piece of stream) {
    length += piece.length;
    if (length > size) throw new HoldfastError('OBJECT_DAMAGED', `object ${key} has more than ${size} bytes`);
    yield piece;
  }
}

/** All bytes of a stream. @throws OBJECT_DAMAGED more than `limitBytes` come */
export async function collect(stream: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of stream) {
    length += piece.length;
    if (length > limitBytes) {
      throw new HoldfastError('OBJECT_DAMAGED', `an object is larger than ${limitBytes} bytes`, {
        hint: 'Run `holdfast verify`; the object was not written by Holdfast.',
      });
    }
    pieces.push(piece);
  }
  const [only] = pieces;
  if (only === undefined || pieces.length > 1) return Buffer.concat(pieces);
  return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
}
