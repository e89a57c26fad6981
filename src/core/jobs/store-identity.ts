/**
 * Makes a store ours, once, and recognises it ever after.
 *
 * An empty store is initialised; one that holds other things, or is not the one this configuration wrote
 * to before, is refused: backups must not mix with strangers' files, nor silently begin anew elsewhere.
 */

import { formatVersion } from '../archive/manifest.ts';
import type { ListRequest, Store } from '../contracts/store.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import { isProbePrefix } from '../key-classes.ts';
import { printable } from '../printable.ts';
import { isCompanion, mendCompanions, putAllCompanions, readCompanions } from './companions.ts';
import { anotherStore, lostStore, type StoreWords, wordsFor } from './foreign-store.ts';
import { readStoreFile, type StoreFile, writeStoreFile } from './store-file.ts';

export interface ClaimWorld extends StoreWords {
  readonly now: () => number;
  readonly newUuid: () => string;
  readonly signal: AbortSignal;
}

/**
 * The first key of what is stored, or null. Neither what an initialisation that was cut short has left
 * counts, nor trials that could not be removed, as with put-only credentials.
 */
export async function firstKey(store: Store, signal: AbortSignal): Promise<string | null> {
  let request: ListRequest = { prefix: '', limit: 3, signal };
  for (;;) {
    const { objects, next } = await store.list(request);
    const found = objects.find(({ key }) => !isCompanion(key) && !isProbePrefix(key));
    if (found !== undefined) return found.key;
    if (next === null) return null;
    request = { prefix: '', after: next, signal };
  }
}

/**
 * The id of the store, which exists and is ours when this resolves, with what lies beside the backups put right
 * where it may be. Safe to repeat and to race.
 *
 * @param remembered the id this configuration wrote to before, or null
 * @param origins stores whose snapshots are copied to it, for a store that has yet to be initialised
 * @throws STORE_FOREIGN not empty and not initialised, or not the one remembered
 */
export async function claimStore(
  store: Store,
  remembered: string | null,
  world: ClaimWorld,
  origins: readonly string[] = [],
): Promise<string> {
  const { signal } = world;
  if (store.capabilities.putOnly) return remembered ?? initialise(store, world, origins);
  const stop = new AbortController();
  // A store that may be new is looked into at once: each answer of a far one takes its time.
  const looking = remembered === null ? firstKey(store, AbortSignal.any([signal, stop.signal])) : null;
  looking?.catch(() => {});
  const companions = readCompanions(store, AbortSignal.any([signal, stop.signal]));
  companions.catch(() => {});
  try {
    const found = await readStoreFile(store, signal);
    if (found !== null) {
      const id = recognised(found, remembered, world);
      await mendCompanions(store, companions, signal);
      return id;
    }
    if (remembered !== null) throw lostStore(remembered, world);
    const other = await looking;
    if (other === null) return await initialise(store, world, origins);
    // Another server may have made it its own between the two answers.
    const meanwhile = await readStoreFile(store, signal);
    if (meanwhile !== null) return meanwhile.store;
    throw new HoldfastError(
      'STORE_FOREIGN',
      `${wordsFor(world)} is not empty and not a store of Holdfast (it holds ${printable(other)})`,
      { hint: 'Point the addin configuration at an empty directory, bucket or prefix.' },
    );
  } finally {
    stop.abort();
  }
}

function recognised(found: StoreFile, remembered: string | null, words: StoreWords): string {
  if (remembered === null || remembered === found.store) return found.store;
  throw anotherStore(found, remembered, words);
}

/** Writes what makes an empty store ours, its identity last; another server may have been faster. */
async function initialise(store: Store, world: ClaimWorld, origins: readonly string[]): Promise<string> {
  const { signal } = world;
  const file: StoreFile = {
    format: formatVersion,
    store: world.newUuid(),
    origins,
    features: [],
    createdAt: new Date(world.now()).toISOString(),
  };
  await putAllCompanions(store, signal);
  try {
    await writeStoreFile(store, file, { createOnly: true, signal });
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'OBJECT_EXISTS') throw error;
    const winner = store.capabilities.putOnly ? null : await readStoreFile(store, signal);
    if (winner !== null) return winner.store;
    throw new HoldfastError(
      'STORE_FOREIGN',
      `${wordsFor(world)} belongs to somebody already, and cannot be read to tell whom`,
      {
        cause: error,
        hint: 'Run one backup with credentials that can read, so that this server learns the id of its store.',
      },
    );
  }
  return file.store;
}

/**
 * The same for a store that holds copies of snapshots of `origins`, the first of which is copied from;
 * its `holdfast.json` names them afterwards.
 *
 * @throws STORE_FOREIGN also where it is the store that is copied from
 */
export async function claimCopy(
  store: Store,
  remembered: string | null,
  origins: readonly [string, ...string[]],
  world: ClaimWorld,
): Promise<string> {
  const id = await claimStore(store, remembered, { ...world, isCopy: true }, origins);
  if (id === origins[0]) {
    const message = `${wordsFor(world)} has the id ${id} of the store it would copy: it is the same one, or was duplicated by hand`;
    throw new HoldfastError('STORE_FOREIGN', message, {
      hint: 'Point the copy at an empty directory, bucket or prefix.',
    });
  }
  if (store.capabilities.putOnly) return id;
  // The file is replaced, so a race may drop what another server added; it looks again, and at each run.
  for (let tries = 0; tries < 5; tries++) {
    const file = await readStoreFile(store, world.signal);
    const known = file?.origins ?? [];
    const missing = origins.filter((origin) => origin !== id && !known.includes(origin));
    if (file === null || missing.length === 0) return id;
    await writeStoreFile(store, { ...file, origins: [...known, ...missing] }, { signal: world.signal });
  }
  return id;
}

/**
 * Writes once more what makes a put-only store that lost it the one with this id, as far as its credentials may; what is there
 * stays.
 */
export async function reclaim(
  store: Store,
  id: string,
  origins: readonly string[],
  world: ClaimWorld,
): Promise<void> {
  try {
    await initialise(store, { ...world, newUuid: () => id }, origins);
  } catch (error) {
    // A writer may lack the rights of a first backup; restores work without that file.
    const isHarmless = isHoldfastError(error) && ['STORE_FOREIGN', 'STORE_DENIED'].includes(error.code);
    if (!isHarmless) throw error;
  }
}
