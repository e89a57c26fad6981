/**
 * Opens small age files whole: key objects, identity files under a passphrase, whatever `age` itself made.
 *
 * Takes armored files as well. Tells a wrong key from damage and from what is no age file at all.
 */

import type { Decrypter as AgeDecrypter } from 'age-encryption';
import { HoldfastError } from '../errors.ts';
import type { Identity } from './identities.ts';
import { openX25519File } from './x25519-file.ts';

export interface Keys {
  readonly identities?: readonly Identity[];
  readonly passphrase?: string;
}

const intro = Buffer.from('age-encryption.org/v1\n');
const armorIntro = '-----BEGIN AGE ENCRYPTED FILE-----';

/** The file without its armor; null where it is no age file. A broken armor counts as damage. */
export async function ageFile(bytes: Buffer, what: string): Promise<Buffer | null> {
  if (bytes.subarray(0, intro.length).equals(intro)) return bytes;
  const text = bytes.subarray(0, 256).toString('latin1').trimStart();
  if (!text.startsWith(armorIntro)) return null;
  const { armor } = await import('age-encryption');
  try {
    return Buffer.from(armor.decode(bytes.toString('latin1')));
  } catch (cause) {
    throw damaged(what, cause);
  }
}

/** Whether a passphrase opens it, and nothing else does. */
export const wantsPassphrase = (file: Buffer): boolean =>
  file.subarray(intro.length, intro.length + 10).toString('latin1') === '-> scrypt ';

/**
 * @throws NOT_ENCRYPTED it is no age file
 * @throws IDENTITY_WRONG no key fits, or the passphrase is wrong
 * @throws OBJECT_DAMAGED it was altered or cut short
 */
export async function decryptSmall(bytes: Buffer, keys: Keys, what: string): Promise<Buffer> {
  const file = await ageFile(bytes, what);
  if (file === null) {
    throw new HoldfastError('NOT_ENCRYPTED', `${what} is not encrypted: it is no age file`, {
      hint: 'Check that it is the file you mean.',
    });
  }
  const opened = openX25519File(
    file,
    (keys.identities ?? []).map(({ secret }) => secret),
  );
  if (opened !== null) return opened;
  const decrypter = await decrypterFor(keys);
  try {
    return Buffer.from(await decrypter.decrypt(file));
  } catch (cause) {
    throw translated(cause, what);
  }
}

export async function decrypterFor({ identities = [], passphrase }: Keys): Promise<AgeDecrypter> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  for (const { secret } of identities) decrypter.addIdentity(secret);
  if (passphrase !== undefined) decrypter.addPassphrase(passphrase);
  return decrypter;
}

/** An error of the library as one of ours. */
export function translated(cause: unknown, what: string): HoldfastError {
  const message = cause instanceof Error ? cause.message : '';
  if (!message.includes('no identity matched')) return damaged(what, cause);
  return new HoldfastError('IDENTITY_WRONG', `${what} is encrypted to other keys than the ones given`, {
    cause,
    hint: 'Give the identity whose public key was among the recipients, or the right passphrase.',
  });
}

function damaged(what: string, cause: unknown): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', `${what} is damaged: it is not what was encrypted`, {
    cause,
    hint: 'Take the object from a copy of the store, or another snapshot.',
  });
}
