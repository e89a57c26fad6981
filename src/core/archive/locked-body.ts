/**
 * The body of an encrypted manifest: base64 of an age file for the owner's epoch, in one line.
 *
 * Knows nothing of what the body says; docs/format.md, section 5.
 */

import { decryptWhole } from '../age/decrypter.ts';
import { encryptWhole } from '../age/encrypter.ts';
import type { KeyPair } from '../age/x25519.ts';
import { HoldfastError } from '../errors.ts';

export const lockBody = (json: string, publicKey: Uint8Array): string =>
  encryptWhole(Buffer.from(json), publicKey).toString('base64');

/** @throws OBJECT_DAMAGED also where it is for another key */
export function unlockBody(line: string, pair: KeyPair, key: string): string {
  return decryptWhole(Buffer.from(line, 'base64'), pair, `the body of manifest ${key}`).toString('utf8');
}

export function identityMissing(what: string): HoldfastError {
  return new HoldfastError('IDENTITY_MISSING', `${what} is encrypted, and no identity was given`, {
    hint: 'Give --identity FILE, or set encryption.identity where the server may read its own backups.',
  });
}
