/**
 * Opens age files of any size and any maker as a stream: whatever the age library can unlock.
 *
 * The library opens the header, node:crypto the payload. Every chunk is authentic before it is handed on;
 * that nothing is missing at the end is known, and said by an error, only when the stream has ended.
 */

import { damagedAge, decryptPayload } from '../age/decrypter.ts';
import { nonceBytes } from '../age/header.ts';
import { payloadKey } from '../age/x25519.ts';
import { HoldfastError } from '../errors.ts';
import { decrypterFor, type Keys, translated } from './small-files.ts';

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
export const decryptAgeStream = (
  stored: AsyncIterable<Uint8Array>,
  keys: Keys,
  what: string,
): AsyncGenerator<Buffer> =>
  decryptPayload(stored, what, async (head) => {
    const headerEnd = endOfHeader(head);
    if (headerEnd < 0 && head.length > headerLimitBytes) throw damagedAge(what, 'its header has no end');
    const start = headerEnd + nonceBytes;
    if (headerEnd < 0 || head.length < start) return null;
    const fileKey = await fileKeyOf(head.subarray(0, headerEnd), keys, what);
    return { key: payloadKey(fileKey, head.subarray(headerEnd, start)), start };
  });

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
