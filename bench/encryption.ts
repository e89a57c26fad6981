/** What encrypted backups of ours are told: for whom, and where the identity lies that opens them again. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newKeyPair } from '../src/core/age/x25519.ts';
import { identityText, recipientText } from '../src/core/encryption/key-text.ts';

/** The value of `encryption` in an addin configuration. With `encrypted` it makes an identity in `dir`. */
export function encryptionIn(dir: string, encrypted: boolean): unknown {
  if (!encrypted) return 'none';
  const { publicKey, privateKey } = newKeyPair();
  const path = join(dir, 'identity');
  writeFileSync(path, `${identityText(privateKey)}\n`, { mode: 0o600 });
  return { recipients: [recipientText(publicKey)], identity: `file:${path}` };
}
