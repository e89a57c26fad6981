/**
 * Opens `.enc` files of Zotonic ("Z1"): PBKDF2 over a password, AES-256-CFB8, and a check of the password.
 *
 * Read only, for what somebody still has from there. The format authenticates nothing but the password, so
 * a changed or shortened file cannot be told from a whole one.
 */

import { createDecipheriv, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { HoldfastError } from '../errors.ts';

const magic = Buffer.from('Z1');
const headerBytes = 22;
const checkBytes = 32;
/** More would keep a processor busy for minutes; Zotonic itself refuses them too. */
const mostIterations = 20_000_000;

/** Whether these first bytes of a file are those of one; needs six of them. */
export function isZ1(start: Buffer): boolean {
  if (start.length < 6 || !start.subarray(0, 2).equals(magic)) return false;
  const iterations = start.readUInt32LE(2);
  return iterations > 0 && iterations < mostIterations;
}

/**
 * The plain bytes, piece by piece; none before the password has proved right.
 *
 * @throws IDENTITY_WRONG the password is wrong
 * @throws OBJECT_DAMAGED it ends within its header
 */
export async function* decryptZ1(
  stored: AsyncIterable<Uint8Array>,
  password: string,
  what: string,
): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let cipher: ReturnType<typeof createDecipheriv> | null = null;
  for await (const piece of stored) {
    if (cipher !== null) {
      yield cipher.update(piece);
      continue;
    }
    rest = Buffer.concat([rest, piece]);
    if (rest.length < headerBytes + checkBytes) continue;
    const salt = rest.subarray(6, headerBytes);
    const derived = await promisify(pbkdf2)(password, salt, rest.readUInt32LE(2), 48, 'sha256');
    cipher = createDecipheriv('aes-256-cfb8', derived.subarray(16), derived.subarray(0, 16));
    const check = cipher.update(rest.subarray(headerBytes, headerBytes + checkBytes));
    if (!timingSafeEqual(check, createHmac('sha256', password).update(salt).update(password).digest())) {
      throw new HoldfastError('IDENTITY_WRONG', `the password does not open ${what}`, {
        hint: 'Type it again; it is the one of the site that made the file.',
      });
    }
    const first = cipher.update(rest.subarray(headerBytes + checkBytes));
    if (first.length > 0) yield first;
  }
  if (cipher === null) {
    throw new HoldfastError('OBJECT_DAMAGED', `${what} is damaged: it ends within its header`, {
      hint: 'Take the file from where it was made.',
    });
  }
}
