/**
 * Headers of age v1 files with one X25519 recipient, as Holdfast writes them: always 184 bytes with the
 * nonce of the payload, so that payload starts at the same place in every object.
 *
 * `sealed` is what an index remembers of a header, 80 bytes: ephemeral share, wrapped file key, nonce. With
 * the owner's private half it opens any part of the payload without the header; without it, nothing.
 */

import { createHmac, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  fileKeyBytes,
  headerMacKey,
  type KeyPair,
  payloadKey,
  unwrapFileKey,
  wrapFileKey,
} from './x25519.ts';

const version = 'age-encryption.org/v1';
export const nonceBytes = 16;
/** Header and nonce: where the first chunk begins. */
export const payloadStart = 184;
export const sealedBytes = 80;
const macBytes = 32;

export interface SealedHeader {
  /** The first 184 bytes of the file; more where several keys open it. */
  readonly header: Buffer;
  readonly sealed: Buffer;
  /** Opens and makes the chunks of this one file. */
  readonly payloadKey: KeyObject;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '');

/**
 * Null where the unused bits of the last character are not zero: one file would have several spellings.
 *
 * @param text of the alphabet of base64 only, without padding
 */
export function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return base64(bytes) === text ? bytes : null;
}

/** @param text the header up to and with the dashes before its MAC */
export const headerMacFits = (fileKey: Uint8Array, text: string, mac: Uint8Array): boolean =>
  mac.length === macBytes && timingSafeEqual(headerMac(fileKey, text), mac);

const headerMac = (fileKey: Uint8Array, text: string): Buffer =>
  createHmac('sha256', headerMacKey(fileKey)).update(text).digest();

/**
 * A header with a file key of its own.
 *
 * @param publicKey 32 bytes
 * @param others further keys that open the file: only for small files, since the header is longer then
 * @throws Error a public key is a point of low order
 */
export function newHeader(publicKey: Uint8Array, others: readonly Uint8Array[] = []): SealedHeader {
  const fileKey = randomBytes(fileKeyBytes);
  const nonce = randomBytes(nonceBytes);
  const first = wrapFileKey(fileKey, publicKey);
  const stanzas = [first, ...others.map((one) => wrapFileKey(fileKey, one))].map(
    ({ share, wrapped }) => `-> X25519 ${base64(share)}\n${base64(wrapped)}\n`,
  );
  const text = `${version}\n${stanzas.join('')}---`;
  const header = Buffer.concat([Buffer.from(`${text} ${base64(headerMac(fileKey, text))}\n`), nonce]);
  const sealed = Buffer.concat([first.share, first.wrapped, nonce]);
  return { header, sealed, payloadKey: payloadKey(fileKey, nonce) };
}

/** The payload key behind an index's `sealed`; null where this pair does not open it. */
export function openSealed(sealed: Buffer, pair: KeyPair): KeyObject | null {
  if (sealed.length !== sealedBytes) return null;
  const [share, wrapped, nonce] = [sealed.subarray(0, 32), sealed.subarray(32, 64), sealed.subarray(64)];
  const fileKey = unwrapFileKey({ share, wrapped }, pair);
  return fileKey === null ? null : payloadKey(fileKey, nonce);
}

const pattern =
  /^age-encryption\.org\/v1\n-> X25519 ([A-Za-z0-9+/]{43})\n([A-Za-z0-9+/]{43})\n--- ([A-Za-z0-9+/]{43})\n$/;

export type OpenedHeader =
  | { readonly result: 'open'; readonly payloadKey: KeyObject; readonly sealed: Buffer }
  /** It is one of ours, and made for another key; or its stanza was altered, which looks the same. */
  | { readonly result: 'other-key' }
  | { readonly result: 'damaged' };

/** @param bytes the first 184 of a file, or all of a shorter one */
export function openHeader(bytes: Buffer, pair: KeyPair): OpenedHeader {
  const text = bytes.subarray(0, payloadStart - nonceBytes).toString('latin1');
  const found = pattern.exec(text);
  if (found === null || bytes.length < payloadStart) return { result: 'damaged' };
  const [share, wrapped, mac] = found.slice(1).map(fromBase64);
  if (!share || !wrapped || !mac) return { result: 'damaged' };
  const fileKey = unwrapFileKey({ share, wrapped }, pair);
  if (fileKey === null) return { result: 'other-key' };
  const signed = text.slice(0, text.lastIndexOf('---') + 3);
  if (!headerMacFits(fileKey, signed, mac)) return { result: 'damaged' };
  const nonce = bytes.subarray(payloadStart - nonceBytes, payloadStart);
  const sealed = Buffer.concat([share, wrapped, nonce]);
  return { result: 'open', payloadKey: payloadKey(fileKey, nonce), sealed };
}
