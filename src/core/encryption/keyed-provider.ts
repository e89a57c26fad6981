/**
 * A provider with the keys to what it holds: the one way by which core reads objects that may be encrypted.
 *
 * Gives payload, whole or by range, and asks the store for exactly one range either way. Without keys only
 * what is stored plain can be read; the rest ends in IDENTITY_MISSING.
 */

import type { KeyObject } from 'node:crypto';
import {
  type ByteRange,
  chunkBytes,
  chunkRange,
  chunksOf,
  decryptChunks,
  payloadSize,
} from '../age/chunks.ts';
import { damagedAge, decryptStream, noKeyFits } from '../age/decrypter.ts';
import { openSealed } from '../age/header.ts';
import type { KeyPair } from '../age/x25519.ts';
import { parseObjectKey } from '../archive/keys.ts';
import { identityMissing } from '../archive/locked-body.ts';
import type { ObjectRef } from '../archive/manifest.ts';
import type { ObjectSeal } from '../archive/root.ts';
import type { Provider } from '../contracts/provider.ts';
import { atMost, collect } from '../streams.ts';
import type { ListedKey, OwnerPlace } from './owner-keys.ts';

export interface KeyRing {
  /**
   * Key pairs that this owner's epoch may mean, at least one; two where two machines began the same epoch.
   *
   * @throws IDENTITY_MISSING, IDENTITY_WRONG no identity opens them
   * @throws OBJECT_MISSING the key object is gone: nobody can read what it opened
   */
  pairs(place: {
    readonly server: string;
    readonly owner: string;
    readonly epoch: number;
  }): Promise<readonly KeyPair[]>;

  /**
   * What was read of a key object, of this store or of a copy; null where no identity opens it.
   *
   * @throws OBJECT_DAMAGED it does not hold the key that it is named after
   */
  open(key: Pick<ListedKey, 'key' | 'epoch' | 'pair'>, file: Buffer): Promise<KeyPair | null>;

  /** To be called where key objects of this owner were put: they are asked for again. */
  forget(owner: OwnerPlace): Promise<void>;
}

export interface KeyedProvider extends Provider {
  readonly keys?: KeyRing | null;
  /** Payload of an object where this machine has it already; null where it must be fetched. */
  readonly local?: (key: string, range: ByteRange) => Buffer | null;
  /** Path of the file that has this range of the payload, at the same place, and was found whole there; null as for `local`. */
  readonly localFile?: (key: string, range: ByteRange) => string | null;
  /** The site that an owner holds, as far as this machine knows: for the names of snapshots that stay locked. */
  readonly siteOf?: (owner: string) => string | undefined;
}

export function withKeys(
  provider: Provider,
  extra: Pick<KeyedProvider, 'keys' | 'local' | 'localFile' | 'siteOf'>,
): KeyedProvider {
  return {
    name: provider.name,
    capabilities: provider.capabilities,
    plan: (request) => provider.plan(request),
    put: (request) => provider.put(request),
    get: (request) => provider.get(request),
    ...extra,
  };
}

/** An object as an index names it. */
export interface StoredObject {
  readonly key: string;
  readonly storedBytes: number;
  readonly seal?: ObjectSeal;
}

/** Unwrapping costs more than decrypting a chunk, so it is done once for each object. */
const opened = new WeakMap<ObjectSeal, KeyObject>();

/**
 * A range of an object's payload.
 *
 * @throws OBJECT_MISSING, OBJECT_DAMAGED, IDENTITY_MISSING, IDENTITY_WRONG
 */
export async function readPayload(
  provider: KeyedProvider,
  object: StoredObject,
  range: ByteRange,
  signal: AbortSignal,
): Promise<Buffer> {
  const { key, seal } = object;
  const local = provider.local?.(key, range) ?? null;
  if (local !== null) return local;
  if (seal === undefined || range.length === 0)
    return collect(provider.get({ key, range, signal }), range.length);
  const what = `object ${key}`;
  const size = payloadSize(object.storedBytes);
  if (size === null || range.offset + range.length > size) throw damagedAge(what, 'it ends too early');
  const payloadKey = await keyOf(provider, key, seal);
  const { firstChunk, stored } = chunkRange(range, size);
  const bytes = await collect(provider.get({ key, range: stored, signal }), stored.length);
  if (bytes.length !== stored.length) throw damagedAge(what, 'it ends too early');
  const plain = decryptChunks(payloadKey, bytes, firstChunk, chunksOf(size) - 1);
  if (plain === null) throw damagedAge(what, 'a chunk is not authentic');
  const from = range.offset - firstChunk * chunkBytes;
  return plain.subarray(from, from + range.length);
}

async function keyOf(provider: KeyedProvider, key: string, seal: ObjectSeal): Promise<KeyObject> {
  const known = opened.get(seal);
  if (known !== undefined) return known;
  for (const pair of await pairsOf(provider, key, seal.epoch)) {
    const found = openSealed(Buffer.from(seal.sealed), pair);
    if (found === null) continue;
    opened.set(seal, found);
    return found;
  }
  throw damagedAge(`object ${key}`, noKeyFits);
}

async function pairsOf(provider: KeyedProvider, key: string, epoch: number): Promise<readonly KeyPair[]> {
  const name = parseObjectKey(key);
  if (name === null) throw damagedAge(`object ${key}`, 'nothing of ours has such a name');
  if (!provider.keys) throw identityMissing(`object ${key}`);
  return provider.keys.pairs({ ...name, epoch });
}

/**
 * The whole payload of an object, authentic piece by piece; that nothing is missing shows at its end.
 *
 * @throws OBJECT_MISSING, OBJECT_DAMAGED, IDENTITY_MISSING, IDENTITY_WRONG
 */
export async function* streamPayload(
  provider: KeyedProvider,
  { key, epoch, size }: Pick<ObjectRef, 'key' | 'epoch' | 'size'>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stored = atMost(provider.get({ key, signal }), size, key);
  if (epoch === undefined) yield* stored;
  else yield* decryptStream(stored, await pairsOf(provider, key, epoch), `object ${key}`);
}
