/**
 * Opens small age files that are encrypted to X25519 keys alone, without the age library: key objects and
 * what `age -r` made.
 *
 * Says nothing about why a file does not open: whoever gets null asks the library, which knows all kinds of
 * files and tells a wrong key from damage. The library takes a sixth of a second to load.
 */

import { chunksOf, decryptChunks, storedChunkBytes, tagBytes } from '../age/chunks.ts';
import { fromBase64, headerMacFits, nonceBytes } from '../age/header.ts';
import { type KeyPair, payloadKey, unwrapFileKey } from '../age/x25519.ts';
import { parseIdentity } from './key-text.ts';

const headerPattern =
  /^age-encryption\.org\/v1\n(?:-> X25519 [A-Za-z0-9+/]{43}\n[A-Za-z0-9+/]{43}\n)+--- ([A-Za-z0-9+/]{43})\n/;
const stanzaPattern = /-> X25519 ([A-Za-z0-9+/]{43})\n([A-Za-z0-9+/]{43})\n/g;
/** Of recipients beyond this the library knows as well. */
const headerLimitBytes = 8192;

/** @param secrets identities of any kind; only those of the plain kind are tried */
export function openX25519File(file: Buffer, secrets: readonly string[]): Buffer | null {
  const header = headerPattern.exec(file.subarray(0, headerLimitBytes).toString('latin1'));
  const pairs = secrets.map(parseIdentity).filter((pair) => pair !== null);
  if (header === null || pairs.length === 0) return null;
  const [text, mac] = [header[0], fromBase64(header[1]!)];
  if (mac === null) return null;
  const signed = text.slice(0, text.lastIndexOf('---') + 3);
  for (const [, share, wrapped] of text.matchAll(stanzaPattern)) {
    const fileKey = unwrapped(share!, wrapped!, pairs);
    if (fileKey === null || !headerMacFits(fileKey, signed, mac)) continue;
    const nonce = file.subarray(text.length, text.length + nonceBytes);
    const payload = file.subarray(text.length + nonceBytes);
    const chunks = Math.ceil(payload.length / storedChunkBytes);
    if (nonce.length < nonceBytes || chunks === 0 || chunksOf(payload.length - chunks * tagBytes) !== chunks)
      return null;
    return decryptChunks(payloadKey(fileKey, nonce), payload, 0, chunks - 1);
  }
  return null;
}

function unwrapped(line: string, body: string, pairs: readonly KeyPair[]): Buffer | null {
  const [share, wrapped] = [fromBase64(line), fromBase64(body)];
  if (share === null || wrapped === null) return null;
  for (const pair of pairs) {
    const fileKey = unwrapFileKey({ share, wrapped }, pair);
    if (fileKey !== null) return fileKey;
  }
  return null;
}
