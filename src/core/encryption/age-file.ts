/**
 * Opens age files of any size and any maker as a stream: whatever the age library can unlock.
 *
 * The library opens the header, node:crypto the payload. Every chunk is authentic before it is handed on;
 * that nothing is missing at the end is known, and said by an error, only when the stream has ended.
 */

import { HoldfastError } from '../errors.ts';
import { decryptChunk, decryptChunks, storedChunkBytes } from './age-chunks.ts';
import { damagedAge } from './age-decrypter.ts';
import { nonceBytes } from './age-header.ts';
import { decrypterFor, type Keys, translated } from './small-files.ts';
import { payloadKey } from './x25519.ts';

/** Hybrid recipients take two kilobytes each. */
const headerLimitBytes = 256 * 1024;
const macLine = Buffer.from('\n--- ');
const newline = 0x0a;

/**
 * The payload, chunk by chunk.
 *
 * @throws IDENTITY_WRONG no key fits
 * @throws OBJECT_DAMAGED it was altered, cut short, or has something behind its end
 */
export async function* decryptAgeStream(
  stored: AsyncIterable<Uint8Array>,
  keys: Keys,
  what: string,
): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let key: Buffer | null = null;
  let chunk = 0;
  for await (const piece of stored) {
    rest = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece]);
    if (key === null) {
      const headerEnd = endOfHeader(rest);
      if (headerEnd < 0 && rest.length > headerLimitBytes) throw damagedAge(what, 'its header has no end');
      if (headerEnd < 0 || rest.length < headerEnd + nonceBytes) continue;
      const fileKey = await fileKeyOf(rest.subarray(0, headerEnd), keys, what);
      key = payloadKey(fileKey, rest.subarray(headerEnd, headerEnd + nonceBytes));
      rest = rest.subarray(headerEnd + nonceBytes);
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

/** Where the payload's nonce begins, or -1. */
function endOfHeader(bytes: Buffer): number {
  const mac = bytes.indexOf(macLine);
  const end = mac < 0 ? -1 : bytes.indexOf(newline, mac + macLine.length);
  return end < 0 ? -1 : end + 1;
}

async function fileKeyOf(header: Buffer, keys: Keys, what: string): Promise<Uint8Array> {
  if ((keys.identities ?? []).length === 0 && keys.passphrase === undefined) {
    throw new HoldfastError('IDENTITY_MISSING', `${what} is encrypted, and no identity was given`, {
      hint: 'Give --identity FILE, or --identity - to type or pipe it.',
    });
  }
  const decrypter = await decrypterFor(keys);
  try {
    return await decrypter.decryptHeader(header);
  } catch (cause) {
    throw translated(cause, what);
  }
}
