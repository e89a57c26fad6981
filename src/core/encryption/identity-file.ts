/**
 * Makes identities, and the files that keep them, as `age` reads them.
 */

import { newKeyPair } from '../age/x25519.ts';
import { type Identity, identityOf } from './identities.ts';
import { identityText } from './key-text.ts';

/** A new one, of the kind that every release of age knows. */
export async function newIdentity(): Promise<Identity> {
  const identity = await identityOf(identityText(newKeyPair().privateKey));
  if (identity === null) throw new TypeError('a new identity cannot be read');
  return identity;
}

/**
 * The text of an identity file.
 *
 * @param madeAt ISO 8601
 * @param passphrase makes it an armored age file; null leaves it plain
 */
export async function identityFile(
  { secret, recipient }: Identity,
  madeAt: string,
  passphrase: string | null,
): Promise<string> {
  const text = `# created: ${madeAt}\n# public key: ${recipient}\n${secret}\n`;
  if (passphrase === null) return text;
  const { armor, Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  return armor.encode(await encrypter.encrypt(text));
}
