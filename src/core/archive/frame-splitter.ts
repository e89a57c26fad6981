/**
 * Cuts a stream of concatenated zstd frames into whole frames, by their block headers (RFC 8878, section 3).
 *
 * Node's own stream decoder stops after the first frame without a word, so frames are told apart here and
 * decompressed one by one. Skippable frames, such as the seek table, are passed over.
 */

import { constants, zstdDecompressSync } from 'node:zlib';
import { HoldfastError } from '../errors.ts';
import { frameBytes } from './frames.ts';

const magic = 0xfd2fb528;
/** A frame of ours with incompressible content, and some room. */
const frameLimit = frameBytes + 1024 * 1024;

function damaged(what: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', `${what} is damaged: ${why}`, {
    cause,
    hint: 'Run `holdfast verify --read-data`, and restore from another snapshot.',
  });
}

/** @throws OBJECT_DAMAGED a wrong checksum, or more bytes than `plainLimit` */
export function decompressFrame(frame: Uint8Array, what: string, plainLimit = frameBytes): Buffer {
  try {
    return zstdDecompressSync(frame, {
      maxOutputLength: Math.max(1, plainLimit),
      chunkSize: Math.max(1024, plainLimit),
      params: { [constants.ZSTD_d_windowLogMax]: 27 },
    });
  } catch (cause) {
    throw damaged(what, 'a frame cannot be decompressed', cause);
  }
}

/** Plain bytes, frame by frame. @throws OBJECT_DAMAGED where the stream is no row of whole frames */
export async function* plainFrames(stored: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Buffer> {
  for await (const frame of wholeFrames(stored, what)) yield decompressFrame(frame, what);
}

/** Frames as stored, one by one. @throws OBJECT_DAMAGED */
export async function* wholeFrames(stored: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of stored) {
    rest = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece]);
    for (;;) {
      const length = frameLength(rest, what);
      if (length === 0 || length > rest.length) break;
      const frame = rest.subarray(0, length);
      rest = rest.subarray(length);
      if (frame.readUInt32LE(0) === magic) yield frame;
    }
    if (rest.length > frameLimit) throw damaged(what, 'a frame is too large');
  }
  if (rest.length > 0) throw damaged(what, 'it ends in the middle of a frame');
}

/** Bytes of the frame at the beginning; 0 where more must be read to tell. */
function frameLength(bytes: Buffer, what: string): number {
  if (bytes.length < 8) return 0;
  const first = bytes.readUInt32LE(0);
  if (first >= 0x184d2a50 && first <= 0x184d2a5f) return 8 + bytes.readUInt32LE(4);
  if (first !== magic) throw damaged(what, 'it is not a zstd stream');
  const descriptor = bytes[4]!;
  const single = (descriptor & 0x20) !== 0;
  const sizeCode = descriptor >> 6;
  const sizeBytes = sizeCode === 0 ? (single ? 1 : 0) : 1 << sizeCode;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  let at = 5 + (single ? 0 : 1) + dictionaryBytes + sizeBytes;
  for (;;) {
    if (at + 3 > bytes.length) return 0;
    const header = bytes.readUIntLE(at, 3);
    const type = (header >> 1) & 3;
    if (type === 3) throw damaged(what, 'a frame has an unknown kind of block');
    at += 3 + (type === 1 ? 1 : header >> 3);
    if ((header & 1) !== 0) return at + ((descriptor & 4) !== 0 ? 4 : 0);
  }
}
