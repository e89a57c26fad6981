/**
 * Key objects: the private half of each owner's epoch, as an age file for the administrator's recipients.
 * docs/format.md, section 8.
 *
 * Makes, lists, opens and encrypts them anew. What lies inside is an identity file as `age` reads it. The
 * private half leaves this module only where an identity has opened it. Objects are created, never replaced.
 */

import { type KeyPair, newKeyPair } from '../age/x25519.ts';
import {
  highestEpoch,
  highestRevision,
  type OwnerKeyName,
  ownerKeyKey,
  parseOwnerKeyKey,
} from '../archive/keys.ts';
import { nextNumber } from '../archive/next-number.ts';
import type { Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import { bytesOf, collect } from '../streams.ts';
import type { Identity } from './identities.ts';
import { identityText, pairId, parseIdentity, recipientText } from './key-text.ts';
import { encryptTo } from './recipients.ts';

/** The public side of an epoch: what a server that only writes has to know. */
export interface OwnerEpoch {
  readonly epoch: number;
  /** 32 bytes. */
  readonly publicKey: Buffer;
}

export interface OpenedEpoch extends OwnerEpoch {
  readonly pair: KeyPair;
}

export interface ListedKey extends OwnerKeyName {
  readonly key: string;
  readonly version: string | null;
  readonly sizeBytes: number;
}

export interface OwnerPlace {
  readonly server: string;
  readonly owner: string;
}

/** A larger object is no key object. */
export const keyLimitBytes = 1024 * 1024;

/** Whether it is shaped like one: an age file. Who can open it, and what it holds, only an identity tells. */
export function isKeyFile(file: Buffer): boolean {
  const text = file.toString('latin1');
  return text.startsWith('age-encryption.org/v1\n-> ') && text.includes('\n--- ');
}

/**
 * Number of the epoch after the last that is known.
 *
 * @throws OBJECT_DAMAGED none is left
 */
export function nextEpoch(
  last: number,
  listed: readonly Pick<OwnerKeyName, 'epoch'>[],
  { server, owner }: OwnerPlace,
): number {
  const taken = listed.map(({ epoch }) => epoch);
  return nextNumber({ last, highest: highestEpoch }, taken, `keys/${server}/${owner}/`);
}

/**
 * Makes an epoch: resolves when its key object is durable. The private half is forgotten with it.
 *
 * @throws RECIPIENTS_UNUSABLE before anything is written
 * @throws STORE_DENIED, STORE_UNAVAILABLE, STORE_FULL
 */
export async function createEpoch(
  provider: Provider,
  place: OwnerPlace & { readonly epoch: number },
  recipients: readonly string[],
  signal: AbortSignal,
): Promise<OwnerEpoch & { readonly key: string }> {
  const pair = newKeyPair();
  const { publicKey } = pair;
  const key = await putKey(provider, { ...place, revision: 0, pair: pairId(publicKey) }, pair, {
    recipients,
    signal,
  });
  return { epoch: place.epoch, publicKey, key };
}

/**
 * Writes the next revision of an opened epoch, for these recipients. The earlier ones are still there.
 *
 * @param from the one that was opened
 * @param taken numbers of other revisions, which anybody may have put
 * @throws OBJECT_EXISTS somebody else did at the same time
 * @throws OBJECT_DAMAGED no number is left
 */
export async function reviseEpoch(
  provider: Provider,
  from: Pick<ListedKey, 'server' | 'owner' | 'epoch' | 'revision' | 'pair'>,
  { pair: opened }: OpenedEpoch,
  recipients: readonly string[],
  signal: AbortSignal,
  taken: readonly number[] = [],
): Promise<string> {
  const { server, owner, epoch, pair, revision: last } = from;
  const revision = nextNumber({ last, highest: highestRevision }, taken, `keys/${server}/${owner}/`);
  return putKey(provider, { server, owner, epoch, revision, pair }, opened, { recipients, signal });
}

async function putKey(
  provider: Provider,
  name: OwnerKeyName,
  { publicKey, privateKey }: KeyPair,
  { recipients, signal }: { readonly recipients: readonly string[]; readonly signal: AbortSignal },
): Promise<string> {
  const lines = [
    `# Holdfast: owner ${name.owner} on server ${name.server}, epoch ${name.epoch}`,
    `# public key: ${recipientText(publicKey)}`,
    identityText(privateKey),
  ];
  const file = await encryptTo(recipients, `${lines.join('\n')}\n`);
  const key = ownerKeyKey(name);
  const put = { kind: 'key', key, body: bytesOf(file), sizeBytes: file.length } as const;
  await provider.put({ ...put, createOnly: true, signal });
  return key;
}

/**
 * Every key object below `keys/`, all revisions, in the order of keys. With `hidden` also those that were removed
 * and of which a version is left.
 *
 * @throws STORE_UNAVAILABLE, STORE_DENIED
 */
export async function listKeys(
  store: Store,
  { server, owner }: { readonly server?: string; readonly owner?: string },
  signal: AbortSignal,
  hidden = false,
): Promise<ListedKey[]> {
  const below = server === undefined ? '' : `${server}/${owner === undefined ? '' : `${owner}/`}`;
  const found: ListedKey[] = [];
  let after: string | undefined;
  do {
    const page = await store.list({
      prefix: `keys/${below}`,
      ...(after === undefined ? {} : { after }),
      ...(hidden ? { hidden } : {}),
      signal,
    });
    for (const { key, version, sizeBytes } of page.objects) {
      const name = parseOwnerKeyKey(key);
      if (name !== null && (owner === undefined || name.owner === owner)) {
        found.push({ ...name, key, version, sizeBytes });
      }
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
  return found;
}

/** The same for all revisions of a key pair. */
export const pairSlot = ({ server, owner, epoch, pair }: Omit<OwnerKeyName, 'revision'>): string =>
  `${server}/${owner}/${epoch}/${pair}`;

/** Ids are short enough to make a pair that shares one. Nothing may be encrypted or removed for the sake of either. */
export const sharedId = ({ server, owner, epoch, pair }: Omit<OwnerKeyName, 'revision'>): HoldfastError =>
  new HoldfastError(
    'OBJECT_DAMAGED',
    `two keys in keys/${server}/${owner}/ share the name ${epoch}-*-${pair}`,
    {
      hint: 'One was planted: remove the revisions of it that a copy of the store does not have.',
    },
  );

/**
 * The private half, opened with the first identity that fits. Of the newest version, unless told.
 *
 * @throws IDENTITY_WRONG none fits
 * @throws OBJECT_DAMAGED it is no key object, or another's
 * @throws OBJECT_MISSING, STORE_UNAVAILABLE, STORE_DENIED
 */
export async function openEpoch(
  provider: Provider,
  listed: ListedKey,
  identities: readonly Identity[],
  signal: AbortSignal,
  version?: string,
): Promise<OpenedEpoch> {
  const { key } = listed;
  const which = version === undefined ? { key, signal } : { key, version, signal };
  return openKeyFile(await collect(provider.get(which), keyLimitBytes), listed, identities);
}

/** The same of what was read already, whichever store it came from. @throws IDENTITY_WRONG, OBJECT_DAMAGED */
export async function openKeyFile(
  file: Buffer,
  { key, epoch, pair: expected }: Pick<ListedKey, 'key' | 'epoch' | 'pair'>,
  identities: readonly Identity[],
): Promise<OpenedEpoch> {
  const { decryptSmall } = await import('./small-files.ts');
  const plain = await decryptSmall(file, { identities }, `key object ${key}`).catch((error: unknown) => {
    if (isHoldfastError(error) && error.code === 'NOT_ENCRYPTED') return Buffer.alloc(0);
    throw error;
  });
  const text = plain.toString('utf8');
  const line = text.split('\n').find((one) => one !== '' && !one.startsWith('#'));
  const pair = parseIdentity(line?.trim() ?? '');
  if (pair === null || pairId(pair.publicKey) !== expected) {
    throw new HoldfastError('OBJECT_DAMAGED', `key object ${key} does not hold the key it is named after`, {
      hint: 'Run `holdfast repair`, which takes it from a copy, unless another of its revisions opens.',
    });
  }
  return { epoch, publicKey: pair.publicKey, pair };
}
