/**
 * What kind of encrypted file this is, and its plain bytes: age of any maker, binary or armored, an object of
 * a store with the help of its key object, or Zotonic's `.enc`.
 */

import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { unarmored } from '../core/age/armor.ts';
import { decryptAgeStream } from '../core/encryption/age-file.ts';
import { type Identity, readIdentities } from '../core/encryption/identities.ts';
import { ageFile, decryptSmall, wantsPassphrase } from '../core/encryption/small-files.ts';
import { decryptZ1, isZ1 } from '../core/encryption/z1-file.ts';
import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import type { CliContext } from './command.ts';
import { type KeyOptions, readKeyOptions, readPassphrase } from './key-input.ts';

export interface DecryptOptions extends KeyOptions {
  /** Key objects that an administrator's identity opens. */
  readonly key?: readonly string[];
}

export interface Decrypted {
  readonly kind: 'age' | 'zotonic';
  readonly bytes: AsyncIterable<Buffer>;
}

/** Enough to tell the kinds apart. */
const startBytes = 512;

/**
 * @throws USAGE the file cannot be read, or standard input is wanted twice
 * @throws NOT_ENCRYPTED it is none of these
 * @throws IDENTITY_MISSING, IDENTITY_WRONG, OBJECT_DAMAGED also while the bytes are read
 */
export async function openEncrypted(
  context: CliContext,
  path: string,
  options: DecryptOptions,
): Promise<Decrypted> {
  if (path === '-' && (options.identity === '-' || options.passphraseFile === '-')) {
    throw new HoldfastError('USAGE', 'standard input cannot be the file and its key', {
      hint: 'Give one of them in a file.',
    });
  }
  const what = path === '-' ? 'standard input' : quoted(path, 4096);
  const { start, stream } = await begun(readable(context, path, what));
  if (isZ1(start)) {
    const password = await readPassphrase(context, options.passphraseFile, `Password of ${what}`);
    return { kind: 'zotonic', bytes: decryptZ1(stream, password, what) };
  }
  const binary = await isBinaryAge(start, what);
  const source = binary ? { start, stream } : await begun(unarmored(stream, what));
  if (wantsPassphrase(source.start)) {
    const passphrase = await readPassphrase(context, options.passphraseFile, `Passphrase of ${what}`);
    return { kind: 'age', bytes: decryptAgeStream(source.stream, { passphrase }, what) };
  }
  const own = await readKeyOptions(context, options);
  const identities = [...own, ...(await behindKeys(path, options, own))];
  const bytes = decryptAgeStream(source.stream, { identities }, what);
  return { kind: 'age', bytes: options.key === undefined ? hinted(bytes) : bytes };
}

/** Objects of a store are encrypted to keys of the account, which lie in an object of their own. */
async function* hinted(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* bytes;
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'IDENTITY_WRONG') throw error;
    throw new HoldfastError('IDENTITY_WRONG', error.message, {
      cause: error,
      hint: `${error.hint ?? ''} An object of a store opens by its account's key object: where it lies outside that store, name the key object with --key.`,
    });
  }
}

async function* readable({ world }: CliContext, path: string, what: string): AsyncGenerator<Uint8Array> {
  const stream = path === '-' ? world.stdin() : createReadStream(path, { highWaterMark: 1024 * 1024 });
  try {
    for await (const piece of stream) yield piece as Uint8Array;
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new HoldfastError('USAGE', `cannot read ${what}: ${why}`, { cause, hint: 'Name a readable file.' });
  }
}

/** The first bytes, and a stream that still has them. */
async function begun(
  from: AsyncGenerator<Uint8Array>,
): Promise<{ readonly start: Buffer; readonly stream: AsyncGenerator<Uint8Array> }> {
  let start: Buffer = Buffer.alloc(0);
  while (start.length < startBytes) {
    const { value, done } = await from.next();
    if (done === true) break;
    start = Buffer.concat([start, value]);
  }
  const stream = (async function* () {
    if (start.length > 0) yield start;
    yield* from;
  })();
  return { start, stream };
}

/** @throws NOT_ENCRYPTED */
async function isBinaryAge(start: Buffer, what: string): Promise<boolean> {
  if (start.toString('latin1').trimStart().startsWith('-----BEGIN AGE ENCRYPTED FILE-----')) return false;
  if ((await ageFile(start, what)) !== null) return true;
  throw new HoldfastError(
    'NOT_ENCRYPTED',
    `${what} is not encrypted: it is neither an age file nor a Z1 file`,
    {
      hint: 'Look at it with file or zstd -t; perhaps it needs no decryption.',
    },
  );
}

/** What the key objects hold: those named, else those of the owner where the file lies inside a store. */
async function behindKeys(
  path: string,
  { key }: DecryptOptions,
  identities: readonly Identity[],
): Promise<Identity[]> {
  if (identities.length === 0) return [];
  const found: Identity[] = [];
  for (const file of key ?? (await keysBeside(path))) {
    const what = `key object ${quoted(file, 4096)}`;
    try {
      const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
        throw new HoldfastError('USAGE', `cannot read ${what}: ${cause.code}`, { cause });
      });
      const plain = await decryptSmall(bytes, { identities }, what);
      found.push(...(await readIdentities(plain, what, noPassphrase)));
    } catch (error) {
      // One that was not asked for may be of another epoch.
      if (key !== undefined || !isHoldfastError(error)) throw error;
    }
  }
  return found;
}

const noPassphrase = (): Promise<string> =>
  Promise.reject(new HoldfastError('SECRET_UNUSABLE', 'a key object is under a passphrase'));

async function keysBeside(path: string): Promise<string[]> {
  const below = /^(.*)\/(?:data|index)\/([^/]+\/[^/]+)$/.exec(dirname(resolve(path)));
  if (path === '-' || below === null) return [];
  const directory = join(below[1]!, 'keys', below[2]!);
  const names = await readdir(directory).catch((): string[] => []);
  return names.filter((name) => name.endsWith('.age')).map((name) => join(directory, name));
}
