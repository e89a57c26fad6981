/**
 * The key with which this server signs its manifests: Ed25519, one per server UUID, made at first use.
 *
 * A file of its own in the state, 0600. A cloned machine has another UUID, so it makes a key of its own;
 * what its model signed stays its own as well. A lost key is no lost backup: see docs/threat-model.md.
 */

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSignerKey, type Signer } from '../archive/seal.ts';
import { HoldfastError } from '../errors.ts';
import { printable } from '../printable.ts';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';

interface KeyFile {
  readonly version: 1;
  readonly server: string;
  readonly publicKey: string;
  /** PKCS #8, PEM. */
  readonly privateKey: string;
}

const directoryOf = (stateDir: string): string => join(stateDir, 'signing');

/**
 * Reads the server's key, or makes one.
 *
 * @throws PREREQUISITE_MISSING there is a file that holds no such key: a new one in its place would make
 *   all that the server signed before foreign, so that is for a person to decide; or others than its owner can
 *   read the file, or exchange it
 */
export async function openSigner(stateDir: string, server: string): Promise<Signer> {
  const path = join(directoryOf(stateDir), `${server}.json`);
  const found = await readJsonFile(path);
  if ('missing' in found) {
    await mkdir(directoryOf(stateDir), { recursive: true, mode: 0o700 });
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const file: KeyFile = { version: 1, server, publicKey: publicHalf(privateKey), privateKey: pem };
    // Another process may have been first; then its key counts.
    if (await writeJsonFile(path, file, { createOnly: true })) return signerOf(privateKey);
    return openSigner(stateDir, server);
  }
  await assertPrivate(directoryOf(stateDir), 0o022, 'change');
  await assertPrivate(path, 0o077, 'reach');
  const key = 'value' in found ? privateKeyOf(found.value) : null;
  if (key !== null) return signerOf(key);
  throw new HoldfastError('PREREQUISITE_MISSING', `the signing key ${printable(path)} is damaged`, {
    hint: 'Put the file back from a copy; or remove it, and name the old key in "trustedSigners" of config.json.',
  });
}

/**
 * A key that others could read, or exchange, may have signed what this server never made: tightening it in silence
 * would hide that.
 */
async function assertPrivate(path: string, forbidden: number, what: string): Promise<void> {
  const { mode, uid } = await stat(path);
  const ours = uid === 0 || uid === process.getuid?.();
  if (ours && (mode & forbidden) === 0) return;
  const shown = printable(path, 4096);
  const why = ours ? `has mode ${(mode & 0o7777).toString(8).padStart(4, '0')}` : `belongs to uid ${uid}`;
  throw new HoldfastError('PREREQUISITE_MISSING', `${shown} ${why}, so others can ${what} the signing key`, {
    hint: `Run chmod go-rwx ${shown} as its owner, and where the key may be known remove it: the next backup makes another.`,
  });
}

/**
 * Public halves of all keys this state has, with the servers they are of. Makes nothing.
 *
 * @throws PREREQUISITE_MISSING others could put theirs among them
 */
export async function ownSigners(
  stateDir: string,
): Promise<readonly { readonly server: string; readonly publicKey: string }[]> {
  const names = await readdir(directoryOf(stateDir)).catch((): string[] => []);
  if (names.length > 0) await assertPrivate(directoryOf(stateDir), 0o022, 'change');
  const found: { server: string; publicKey: string }[] = [];
  for (const name of names.filter((one) => /^[0-9a-f-]{36}\.json$/.test(one)).sort()) {
    const path = join(directoryOf(stateDir), name);
    await assertPrivate(path, 0o022, 'change');
    const read = await readJsonFile(path);
    const { publicKey } = ('value' in read ? (read.value as Partial<KeyFile> | null) : null) ?? {};
    if (isSignerKey(publicKey)) found.push({ server: name.slice(0, 36), publicKey });
  }
  return found;
}

const signerOf = (key: KeyObject): Signer => ({
  publicKey: publicHalf(key),
  sign: (bytes) => sign(null, bytes, key),
});

function publicHalf(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return Buffer.from(x!, 'base64url').toString('hex');
}

function privateKeyOf(value: unknown): KeyObject | null {
  const { privateKey, publicKey } = (value ?? {}) as Partial<KeyFile>;
  try {
    const key = createPrivateKey(privateKey ?? '');
    return key.asymmetricKeyType === 'ed25519' && publicHalf(key) === publicKey ? key : null;
  } catch {
    return null;
  }
}
