/**
 * X25519 key pairs as raw bytes, and the key derivations of the age format that stand on them.
 *
 * Knows no text form of keys and no files. Private halves are 32 bytes that the caller keeps to itself.
 */

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

export const keyBytes = 32;
export const fileKeyBytes = 16;
const tagBytes = 16;
const zeroNonce = Buffer.alloc(12);
const none = Buffer.alloc(0);
/** What stands before the 32 bytes of a key in DER (RFC 8410). */
const publicPrefix = Buffer.from('302a300506032b656e032100', 'hex');
const privatePrefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
const stanzaInfo = 'age-encryption.org/v1/X25519';

export interface KeyPair {
  readonly publicKey: Buffer;
  readonly privateKey: Buffer;
}

export function newKeyPair(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return {
    publicKey: publicKey.export({ format: 'der', type: 'spki' }).subarray(-keyBytes),
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-keyBytes),
  };
}

/** @throws RangeError not 32 bytes: whoever reads keys from outside checks them first */
function sized(raw: Uint8Array): Uint8Array {
  if (raw.length !== keyBytes) throw new RangeError(`an X25519 key has ${keyBytes} bytes, not ${raw.length}`);
  return raw;
}

const publicObject = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([publicPrefix, sized(raw)]), format: 'der', type: 'spki' });

const privateObject = (raw: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([privatePrefix, sized(raw)]), format: 'der', type: 'pkcs8' });

export const publicHalf = (privateKey: Uint8Array): Buffer =>
  createPublicKey(privateObject(privateKey)).export({ format: 'der', type: 'spki' }).subarray(-keyBytes);

/** HKDF-SHA-256 to 32 bytes. */
const derive = (secret: Uint8Array, salt: Uint8Array, info: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, salt, info, 32));

export const headerMacKey = (fileKey: Uint8Array): Buffer => derive(fileKey, none, 'header');
export const payloadKey = (fileKey: Uint8Array, nonce: Uint8Array): KeyObject =>
  createSecretKey(derive(fileKey, nonce, 'payload'));

export interface WrappedKey {
  /** The public half of a pair that was used once. */
  readonly share: Buffer;
  /** The file key under the shared secret, with its tag: 32 bytes. */
  readonly wrapped: Buffer;
}

/** @throws Error the public key is a point of low order */
export function wrapFileKey(fileKey: Uint8Array, publicKey: Uint8Array): WrappedKey {
  const once = generateKeyPairSync('x25519');
  const share = once.publicKey.export({ format: 'der', type: 'spki' }).subarray(-keyBytes);
  const secret = diffieHellman({ privateKey: once.privateKey, publicKey: publicObject(publicKey) });
  const key = derive(secret, Buffer.concat([share, publicKey]), stanzaInfo);
  const cipher = createCipheriv('chacha20-poly1305', key, zeroNonce, { authTagLength: tagBytes });
  const wrapped = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
  return { share, wrapped };
}

/** Null where the file key was not wrapped to this pair. */
export function unwrapFileKey({ share, wrapped }: WrappedKey, pair: KeyPair): Buffer | null {
  if (share.length !== keyBytes || wrapped.length !== fileKeyBytes + tagBytes) return null;
  try {
    const secret = diffieHellman({
      privateKey: privateObject(pair.privateKey),
      publicKey: publicObject(share),
    });
    const key = derive(secret, Buffer.concat([share, pair.publicKey]), stanzaInfo);
    const cipher = createDecipheriv('chacha20-poly1305', key, zeroNonce, { authTagLength: tagBytes });
    cipher.setAuthTag(wrapped.subarray(fileKeyBytes));
    return Buffer.concat([cipher.update(wrapped.subarray(0, fileKeyBytes)), cipher.final()]);
  } catch {
    return null;
  }
}
