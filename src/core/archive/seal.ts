/**
 * The seal of a manifest: its third line, with a hash over the exact bytes before it and the signature of
 * the server that wrote it. docs/format.md, section 5.
 *
 * Says who signed, never whether that one is trusted: see jobs/trust.ts. Only Ed25519 is known; keys are
 * the 32 raw bytes in hex.
 */

import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';

/** Signs for one server. The private half stays inside. */
export interface Signer {
  /** 64 hex digits. */
  readonly publicKey: string;
  sign(bytes: Uint8Array): Uint8Array;
}

interface Seal {
  readonly sha256?: unknown;
  readonly key?: unknown;
  readonly signature?: unknown;
}

const hex = (digits: number): RegExp => new RegExp(`^[0-9a-f]{${digits}}$`);
const [keyPattern, signaturePattern] = [hex(64), hex(128)];

export const isSignerKey = (value: unknown): value is string =>
  typeof value === 'string' && keyPattern.test(value);

/** The line that ends a manifest, with its LF. `lines` are the two before it, with theirs. */
export function sealLine(lines: Uint8Array, signer: Signer | null): string {
  const sha256 = hash('sha256', lines, 'hex');
  if (signer === null) return `${JSON.stringify({ sha256 })}\n`;
  const signature = Buffer.from(signer.sign(lines)).toString('hex');
  return `${JSON.stringify({ sha256, key: signer.publicKey, signature })}\n`;
}

/** What a seal says of the lines before it. `wrong` is a reason for people. */
export type SealReading = { readonly signedBy: string | null } | { readonly wrong: string };

/** `signedBy` is null where there is no signature; one that does not fit is damage, whoever made it. */
export function readSeal(seal: unknown, lines: Uint8Array): SealReading {
  const { sha256, key, signature } = (seal ?? {}) as Seal;
  if (sha256 !== hash('sha256', lines, 'hex')) return { wrong: 'its seal does not match' };
  if (key === undefined && signature === undefined) return { signedBy: null };
  if (!isSignerKey(key) || typeof signature !== 'string' || !signaturePattern.test(signature)) {
    return { wrong: 'its signature cannot be understood' };
  }
  const fits = verify(null, lines, publicKeyOf(key), Buffer.from(signature, 'hex'));
  return fits ? { signedBy: key } : { wrong: 'its signature does not match' };
}

/** Of the signer that was asked for last: what one server reads is mostly its own. */
let known: { readonly key: string; readonly publicKey: KeyObject } | null = null;

function publicKeyOf(key: string): KeyObject {
  if (known?.key === key) return known.publicKey;
  const x = Buffer.from(key, 'hex').toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  known = { key, publicKey };
  return publicKey;
}
