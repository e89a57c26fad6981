/** `holdfast.json`, which tells what a store is: its id, and of which other stores it has snapshots. */

import { storeFileKey } from '../archive/keys.ts';
import { formatVersion } from '../archive/manifest.ts';
import type { Store } from '../contracts/store.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import { isUuid } from '../state/server-identity.ts';
import { bytesOf, collect } from '../streams.ts';

export interface StoreFile {
  readonly format: number;
  readonly store: string;
  /** Ids of other stores whose snapshots are copied to this one; absent in files of early releases. */
  readonly origins?: readonly string[];
  readonly features: readonly string[];
  readonly createdAt: string;
}

const storeFileLimit = 1024 * 1024;

/** Null where the store has not been initialised. @throws FORMAT_UNSUPPORTED, OBJECT_DAMAGED */
export async function readStoreFile(store: Store, signal: AbortSignal): Promise<StoreFile | null> {
  let bytes: Buffer;
  try {
    bytes = await collect(store.get({ key: storeFileKey, signal }), storeFileLimit);
  } catch (error) {
    if (isHoldfastError(error) && error.code === 'OBJECT_MISSING') return null;
    if (isHoldfastError(error) && error.code === 'OBJECT_DAMAGED')
      throw damaged(`cannot be read: ${error.message}`, error);
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw damaged('is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null) throw damaged('is not an object');
  const { format, features, store: id, origins } = value as { readonly [name in keyof StoreFile]?: unknown };
  // What a newer release says of itself comes first: the rest may look otherwise there.
  if (
    typeof format === 'number' &&
    (format !== formatVersion || (Array.isArray(features) && features.length > 0))
  ) {
    throw new HoldfastError(
      'FORMAT_UNSUPPORTED',
      `${storeFileKey} says that a newer release wrote the store`,
      {
        hint: `Upgrade Holdfast on this server; where no newer release writes there, take ${storeFileKey} away and run holdfast repair --apply, with --copy NAME where it is that of a copy.`,
      },
    );
  }
  if (typeof format !== 'number') throw damaged('has no format');
  if (!Array.isArray(features)) throw damaged('has no list of features');
  if (typeof id !== 'string' || !isUuid(id)) throw damaged('has no id of the store');
  if (origins !== undefined && !(Array.isArray(origins) && origins.every(isUuid))) {
    throw damaged('has origins that are no ids');
  }
  return value as StoreFile;
}

const damaged = (what: string, cause?: unknown): HoldfastError =>
  new HoldfastError('OBJECT_DAMAGED', `${storeFileKey} of the store ${what}`, {
    cause,
    hint: 'Restores work without it; holdfast repair --apply, with --copy NAME for a copy, writes it again, on the server that backs up there.',
  });

/** @throws OBJECT_EXISTS with `createOnly`, where there is one; STORE_UNAVAILABLE, STORE_DENIED, STORE_FULL */
export async function writeStoreFile(
  store: Store,
  file: StoreFile,
  options: { readonly createOnly?: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const text = Buffer.from(`${JSON.stringify(file, null, 2)}\n`);
  await store.put({ key: storeFileKey, body: bytesOf(text), sizeBytes: text.length, ...options });
}
