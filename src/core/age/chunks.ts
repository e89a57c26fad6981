/**
 * The payload of an age file: chunks of 64 KiB, each under ChaCha20-Poly1305 with its number and a mark on the
 * last one in the nonce (STREAM). And the arithmetic between offsets in the payload and in the file.
 *
 * Keys are key objects: a cipher that gets raw bytes makes one anew for each chunk, a fifth of its time.
 */

import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { payloadStart } from './header.ts';

export const chunkBytes = 65536;
export const tagBytes = 16;
const storedChunkBytes = chunkBytes + tagBytes;
const cipherName = 'chacha20-poly1305';

/** Chunks of a payload; an empty one has one empty chunk. */
export const chunksOf = (payloadBytes: number): number => Math.max(1, Math.ceil(payloadBytes / chunkBytes));

/** Bytes of the whole file for a payload. */
export const storedSize = (payloadBytes: number): number =>
  payloadStart + payloadBytes + chunksOf(payloadBytes) * tagBytes;

/** Bytes of payload in a file of `storedBytes`, or null where no file has that size. */
export function payloadSize(storedBytes: number): number | null {
  const body = storedBytes - payloadStart;
  const chunks = Math.ceil(body / storedChunkBytes);
  const payload = body - chunks * tagBytes;
  return body < tagBytes || payload < 0 || storedSize(payload) !== storedBytes ? null : payload;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Whole chunks that hold a range of payload, as a range of the file. The range is not empty and within the payload. */
export function chunkRange(
  range: ByteRange,
  payloadBytes: number,
): { readonly firstChunk: number; readonly stored: ByteRange } {
  const firstChunk = Math.floor(range.offset / chunkBytes);
  const lastChunk = Math.floor((range.offset + range.length - 1) / chunkBytes);
  const offset = payloadStart + firstChunk * storedChunkBytes;
  const end = Math.min(storedSize(payloadBytes), payloadStart + (lastChunk + 1) * storedChunkBytes);
  return { firstChunk, stored: { offset, length: end - offset } };
}

function nonceOf(chunk: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(chunk, 5, 6); // 2^48 chunks of 64 KiB are more than any store holds
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Writes chunk and tag into `out` at `at`. @returns bytes written */
export function encryptChunk(
  key: KeyObject,
  chunk: number,
  last: boolean,
  plain: Uint8Array,
  out: Buffer,
  at: number,
): number {
  const cipher = createCipheriv(cipherName, key, nonceOf(chunk, last), { authTagLength: tagBytes });
  out.set(cipher.update(plain), at);
  cipher.final();
  out.set(cipher.getAuthTag(), at + plain.length);
  return plain.length + tagBytes;
}

/** The plain bytes of one stored chunk; null where it is not authentic in this place. */
export function decryptChunk(
  key: KeyObject,
  chunk: number,
  last: boolean,
  stored: Uint8Array,
): Buffer | null {
  const length = stored.length - tagBytes;
  if (length < 0 || length > chunkBytes) return null;
  const cipher = createDecipheriv(cipherName, key, nonceOf(chunk, last), { authTagLength: tagBytes });
  cipher.setAuthTag(stored.subarray(length));
  const plain = cipher.update(stored.subarray(0, length));
  try {
    cipher.final();
  } catch {
    return null;
  }
  return plain;
}

/**
 * Decrypts a row of whole stored chunks into one buffer; null where one of them is not authentic.
 *
 * @param lastChunk number of the file's last chunk, -1 where it is not among these
 */
export function decryptChunks(
  key: KeyObject,
  stored: Uint8Array,
  firstChunk: number,
  lastChunk: number,
): Buffer | null {
  const count = Math.ceil(stored.length / storedChunkBytes);
  const length = stored.length - count * tagBytes;
  if (length < 0) return null;
  const out = Buffer.allocUnsafeSlow(length);
  for (let n = 0; n < count; n++) {
    const piece = stored.subarray(n * storedChunkBytes, (n + 1) * storedChunkBytes);
    const plain = decryptChunk(key, firstChunk + n, firstChunk + n === lastChunk, piece);
    if (plain === null) return null;
    out.set(plain, n * chunkBytes);
  }
  return out;
}

export { storedChunkBytes };
