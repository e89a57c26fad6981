/**
 * Encrypts small texts to the administrator's recipients, and says which recipients cannot be used.
 *
 * Recipients are whatever the age library takes: `age1…`, and the hybrid and tag kinds. A text that may be
 * a private half never gets into a message.
 */

import { HoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';

/**
 * Resolves with one age file for all of them.
 *
 * @throws RECIPIENTS_UNUSABLE one of them is none, or there are none; nothing was encrypted
 */
export async function encryptTo(recipients: readonly string[], text: string): Promise<Buffer> {
  if (recipients.length === 0) throw unusable('there are no recipients to encrypt to');
  // Loads its curves when it is first used.
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    const problem = await problemOf(recipient);
    if (problem !== null) throw unusable(problem);
    encrypter.addRecipient(recipient);
  }
  return Buffer.from(await encrypter.encrypt(text));
}

/** @throws RECIPIENTS_UNUSABLE as `encryptTo`; for use before anything else is done */
export async function checkRecipients(recipients: readonly string[]): Promise<void> {
  await encryptTo(recipients, '');
}

/** Why a text is no recipient; null where it is one. */
async function problemOf(recipient: string): Promise<string | null> {
  if (/^AGE-(?:SECRET|PLUGIN)/i.test(recipient)) {
    return 'an identity, which is secret, stands where a recipient belongs';
  }
  const { Encrypter } = await import('age-encryption');
  try {
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    await encrypter.encrypt('');
    return null;
  } catch {
    return `the recipient ${quoted(recipient)} is no age public key, or a mistyped one`;
  }
}

function unusable(message: string): HoldfastError {
  return new HoldfastError('RECIPIENTS_UNUSABLE', message, {
    hint: 'Write public keys that begin with age1 under "recipients"; holdfast key generate makes one.',
  });
}
