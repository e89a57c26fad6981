/**
 * Encrypts small texts to the administrator's recipients, and says which recipients cannot be used.
 *
 * Recipients are whatever the age library takes: `age1…`, and the hybrid and tag kinds. The library is loaded
 * only for those: where all are of the plain kind, node:crypto does the same in a hundredth of the time. A text
 * that may be a private half never gets into a message.
 */

import { encryptWhole } from '../age/encrypter.ts';
import { wrapFileKey } from '../age/x25519.ts';
import { HoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';
import { parseRecipient } from './key-text.ts';

/**
 * Resolves with one age file for all of them.
 *
 * @throws RECIPIENTS_UNUSABLE one of them is none, or there are none; nothing was encrypted
 */
export async function encryptTo(recipients: readonly string[], text: string): Promise<Buffer> {
  if (recipients.length === 0) throw unusable('there are no recipients to encrypt to');
  for (const recipient of recipients) {
    const problem = await problemOf(recipient);
    if (problem !== null) throw unusable(problem);
  }
  const [first, ...others] = recipients.map(parseRecipient);
  if (first && others.every((one) => one !== null)) return encryptWhole(Buffer.from(text), first, others);
  return encryptByLibrary(recipients, text);
}

/** @throws RECIPIENTS_UNUSABLE as `encryptTo`; for use before anything else is done */
export async function checkRecipients(recipients: readonly string[]): Promise<void> {
  await encryptTo(recipients, '');
}

async function encryptByLibrary(recipients: readonly string[], text: string): Promise<Buffer> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return Buffer.from(await encrypter.encrypt(text));
}

/** Why a text is no recipient; null where it is one. */
async function problemOf(recipient: string): Promise<string | null> {
  if (/^AGE-(?:SECRET|PLUGIN)/i.test(recipient)) {
    return 'an identity, which is secret, stands where a recipient belongs';
  }
  const publicKey = recipient.startsWith('age1') ? parseRecipient(recipient) : null;
  try {
    // A point of low order has the form of a key and is none.
    if (publicKey !== null) wrapFileKey(trialKey, publicKey);
    else await encryptByLibrary([recipient], '');
    return null;
  } catch {
    return `the recipient ${quoted(recipient)} is no age public key, or a mistyped one`;
  }
}

const trialKey = Buffer.alloc(16);

function unusable(message: string): HoldfastError {
  return new HoldfastError('RECIPIENTS_UNUSABLE', message, {
    hint: 'Write public keys that begin with age1 under "recipients"; holdfast key generate makes one.',
  });
}
