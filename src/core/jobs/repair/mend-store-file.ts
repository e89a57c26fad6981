/**
 * Writes the `holdfast.json` of a store once more, where it is lost or damaged and the place is beyond doubt the store
 * that this server wrote to: snapshots in it, signed by whoever is trusted here, say so. An unmounted disk or a wrong bucket
 * has none of these.
 */

import { storeFileKey } from '../../archive/keys.ts';
import { formatVersion } from '../../archive/manifest.ts';
import type { Store } from '../../contracts/store.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { isUnusable, type ListedSnapshot, listSnapshots, readAnySnapshot } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import { readStoreFile, type StoreFile, writeStoreFile } from '../store-file.ts';
import { standingOf, type Trust } from '../trust.ts';

export interface StoreFileRequest {
  readonly store: Store;
  readonly provider: KeyedProvider;
  /** Id of the store that this server wrote to before; null where it does not know. */
  readonly remembered: string | null;
  /** Id that snapshots have to name: the same, or for a copy that of the main store. */
  readonly namedBy: string | null;
  readonly trust: Trust;
  /** False: look only. */
  readonly apply: boolean;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

export interface MendedStoreFile {
  /** What is wrong with it. */
  readonly problem: string;
  /** Id of the store. */
  readonly store: string;
  readonly mended: boolean;
}

/** How many manifests are read at once. */
const atOnce = 8;

/**
 * Safe to repeat and to race.
 *
 * @returns null where it is whole, or cannot be read with credentials that only put
 * @throws STORE_FOREIGN no snapshot there proves which store it is
 * @throws OBJECT_DAMAGED the same, where the file is there
 * @throws FORMAT_UNSUPPORTED a newer release wrote it
 */
export async function mendStoreFile(request: StoreFileRequest): Promise<MendedStoreFile | null> {
  const { store, remembered, namedBy, apply, now, signal } = request;
  if (store.capabilities.putOnly) return null;
  const damage = await damageOf(store, signal);
  if (damage === null) return null;
  const proof = await namedIn(request);
  if (remembered === null || namedBy === null || !proof.stores.has(namedBy))
    throw unproven(damage, remembered);
  const file: StoreFile = {
    format: formatVersion,
    store: remembered,
    origins: [...proof.stores].filter((id) => id !== remembered).sort(),
    features: [],
    createdAt: new Date(Math.min(proof.oldestMs, now())).toISOString(),
  };
  const problem =
    damage instanceof HoldfastError ? damage.message : `${storeFileKey} of the store is missing`;
  if (apply) await write(store, file, { createOnly: damage === 'missing', signal });
  return { problem, store: remembered, mended: apply };
}

/** Null where nothing is wrong with it. */
async function damageOf(store: Store, signal: AbortSignal): Promise<HoldfastError | 'missing' | null> {
  try {
    return (await readStoreFile(store, signal)) === null ? 'missing' : null;
  } catch (error) {
    if (isHoldfastError(error) && error.code === 'OBJECT_DAMAGED') return error;
    throw error;
  }
}

interface Named {
  /** Ids of stores. */
  readonly stores: ReadonlySet<string>;
  readonly oldestMs: number;
}

/** By the last snapshot of each account that is trusted here, and the first there is. */
async function namedIn({ store, provider, trust, signal }: StoreFileRequest): Promise<Named> {
  const listed = await listSnapshots(store, {}, signal);
  const byAccount = Map.groupBy(listed, ({ server, owner }) => `${server}/${owner}`);
  const stores = new Set<string>();
  let oldestMs = Number.POSITIVE_INFINITY;
  const isTaken = async (one: ListedSnapshot): Promise<boolean> => {
    signal.throwIfAborted();
    const snapshot = await readAnySnapshot(provider, one, signal, trust).catch((error: unknown) => {
      if (isUnusable(error)) return null;
      throw error;
    });
    if (snapshot === null || standingOf(snapshot, trust) !== 'trusted') return false;
    stores.add(snapshot.header.store);
    oldestMs = Math.min(oldestMs, Date.parse(snapshot.header.startedAt));
    return true;
  };
  await eachLimited([...byAccount.values()], atOnce, async (ofAccount) => {
    let newest = ofAccount.length - 1;
    while (newest >= 0 && !(await isTaken(ofAccount[newest]!))) newest--;
    if (newest > 0) await isTaken(ofAccount[0]!);
  });
  return { stores, oldestMs };
}

/** Another server may mend it at the same time, and writes the same id. */
async function write(
  store: Store,
  file: StoreFile,
  options: { readonly createOnly: boolean; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await writeStoreFile(store, file, options);
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'OBJECT_EXISTS') throw error;
    const winner = await readStoreFile(store, options.signal);
    if (winner?.store === file.store) return;
    throw new HoldfastError('OBJECT_EXISTS', `something else lies in the place of ${storeFileKey}`, {
      cause: error,
      hint: 'Look at it, move it away and run it again.',
    });
  }
}

function unproven(damage: HoldfastError | 'missing', remembered: string | null): HoldfastError {
  const isMissing = damage === 'missing';
  const what = isMissing ? `the store has lost its ${storeFileKey}` : damage.message;
  return new HoldfastError(
    isMissing ? 'STORE_FOREIGN' : 'OBJECT_DAMAGED',
    `${what}, and no snapshot there that is trusted here proves that it is the store this server wrote to`,
    {
      cause: isMissing ? undefined : damage,
      hint: `Check that the right directory or bucket is mounted; where it is, docs/recovery.md says how to write the file ("The store has lost its holdfast.json")${
        remembered === null ? '' : `, with the id ${remembered}, which this server remembers`
      }.`,
    },
  );
}
