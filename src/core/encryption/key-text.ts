/**
 * The text forms of age's X25519 keys: `age1…` for the public half, `AGE-SECRET-KEY-1…` for the private one.
 *
 * Refuses by answering null: what to say of a broken key depends on where it stood, and a private half must
 * never get into a message.
 */

import { hash } from 'node:crypto';
import { bech32 } from '@scure/base';
import { type KeyPair, keyBytes, publicHalf } from '../age/x25519.ts';

const publicWord = 'age';
const privateWord = 'age-secret-key-';

export const recipientText = (publicKey: Uint8Array): string => bech32.encodeFromBytes(publicWord, publicKey);

export const identityText = (privateKey: Uint8Array): string =>
  bech32.encodeFromBytes(privateWord, privateKey).toUpperCase();

/** The 32 bytes of a recipient, or null. */
export const parseRecipient = (text: string): Buffer | null => parse(text, publicWord);

/** Both halves of an identity, or null. */
export function parseIdentity(text: string): KeyPair | null {
  const privateKey = parse(text, privateWord);
  return privateKey === null ? null : { privateKey, publicKey: publicHalf(privateKey) };
}

function parse(text: string, word: string): Buffer | null {
  const decoded = bech32.decodeUnsafe(text);
  if (decoded === undefined || decoded.prefix.toLowerCase() !== word) return null;
  try {
    const bytes = bech32.fromWords(decoded.words);
    return bytes.length === keyBytes ? Buffer.from(bytes) : null;
  } catch {
    return null;
  }
}

/** Eight hex digits by which names of key objects tell key pairs apart. */
export const pairId = (publicKey: Uint8Array): string => hash('sha256', publicKey, 'hex').slice(0, 8);
