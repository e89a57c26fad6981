/**
 * Identities as people keep them: identity files of `age`, the same under a passphrase, and recovery sheets.
 *
 * Reads texts that somebody else opened. No message holds any part of them.
 */

import { HoldfastError, isHoldfastError } from '../errors.ts';
import { parseIdentity, recipientText } from './key-text.ts';
import { isSheet, parseSheet } from './recovery-sheet.ts';
import { ageFile, decryptSmall, wantsPassphrase } from './small-files.ts';

/** One private key of an administrator. */
export interface Identity {
  /** `AGE-SECRET-KEY-1…` */
  readonly secret: string;
  /** `age1…` */
  readonly recipient: string;
}

/** @param secret `AGE-SECRET-KEY-1…` or the hybrid kind; null where it is neither */
export async function identityOf(secret: string): Promise<Identity | null> {
  const pair = parseIdentity(secret);
  if (pair !== null) return { secret, recipient: recipientText(pair.publicKey) };
  if (!secret.startsWith('AGE-SECRET-KEY-PQ-1')) return null;
  const { identityToRecipient } = await import('age-encryption');
  return identityToRecipient(secret).then(
    (recipient) => ({ secret, recipient }),
    () => null,
  );
}

/**
 * All identities of a file: one a line, comments after `#`.
 *
 * @param what what to call it, e.g. the path, printable
 * @param askPassphrase asked only where the file is under a passphrase
 * @throws SECRET_UNUSABLE there is none, one is mistyped, or it is of a kind that only `age` itself can use
 * @throws IDENTITY_WRONG the passphrase is wrong
 * @throws OBJECT_DAMAGED the protected file was altered
 */
export async function readIdentities(
  bytes: Buffer,
  what: string,
  askPassphrase: () => Promise<string>,
): Promise<readonly Identity[]> {
  const encrypted = await ageFile(bytes, what);
  if (encrypted !== null) {
    if (!wantsPassphrase(encrypted)) {
      throw unusable(`${what} is encrypted to a key, not with a passphrase`, 'Decrypt it with age first.');
    }
    const plain = await openProtected(encrypted, await askPassphrase(), what);
    return identitiesIn(plain.toString('utf8'), what);
  }
  const text = bytes.toString('utf8');
  if (isSheet(text)) return [parseSheet(text, what)];
  return identitiesIn(text, what);
}

async function openProtected(file: Buffer, passphrase: string, what: string): Promise<Buffer> {
  try {
    return await decryptSmall(file, { passphrase }, what);
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'IDENTITY_WRONG') throw error;
    throw new HoldfastError('IDENTITY_WRONG', `the passphrase does not open ${what}`, {
      hint: 'Type it again, and mind the keyboard layout.',
    });
  }
}

async function identitiesIn(text: string, what: string): Promise<Identity[]> {
  const found: Identity[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const secret = line.trim();
    if (secret === '' || secret.startsWith('#')) continue;
    const identity = await identityOf(secret);
    if (identity === null) throw unreadable(secret, `line ${index + 1} of ${what}`);
    found.push(identity);
  }
  if (found.length > 0) return found;
  throw unusable(`${what} holds no identity`, 'Name a file that holdfast key generate or age-keygen made.');
}

function unreadable(secret: string, where: string): HoldfastError {
  if (secret.startsWith('age1')) {
    return unusable(
      `${where} is a recipient, the public half`,
      'Name the file with the line AGE-SECRET-KEY-1….',
    );
  }
  if (/^(?:AGE-PLUGIN-|-----BEGIN )/.test(secret)) {
    return unusable(
      `${where} is a key of a kind that is not supported`,
      'Use an identity that age-keygen made; `age -d` opens the objects with other kinds.',
    );
  }
  return unusable(`${where} is no identity, or a mistyped one`, 'Compare it with the recovery sheet.');
}

export function unusable(message: string, hint: string): HoldfastError {
  return new HoldfastError('SECRET_UNUSABLE', message, { hint });
}
