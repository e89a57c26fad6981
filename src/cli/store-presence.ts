/**
 * Whether the place that a configuration names is its store: asked once, before a command reads it.
 *
 * An unmounted disk or a wrong bucket must not look like a store without snapshots. A store that has lost
 * its `holdfast.json` and nothing else is still read: somebody may need a file back.
 */

import { statSync } from 'node:fs';
import { storeFileKey } from '../core/archive/keys.ts';
import type { AddinConfiguration } from '../core/config/load-configuration.ts';
import { type ErrorCode, HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { Store } from '../core/index.ts';
import { anotherStore, lostStore, type StoreWords } from '../core/jobs/foreign-store.ts';
import { readStoreFile, type StoreFile } from '../core/jobs/store-file.ts';
import { firstKey } from '../core/jobs/store-identity.ts';
import { printable } from '../core/printable.ts';

/**
 * - `whole`: with an intact identity, for commands that judge or change the store.
 * - `mendable`: the same, or with snapshots beside an identity that is lost or damaged, for what mends it.
 * - `readable`: at least with snapshots, for commands that bring something back.
 * - `any`: also a place that is empty as yet.
 */
export type Presence = 'whole' | 'mendable' | 'readable' | 'any';

export interface PresenceCheck {
  readonly store: Store;
  readonly addin: Pick<AddinConfiguration, 'name' | 'store' | 'copies'>;
  /** Id of the store that this server wrote to before, or null. */
  readonly remembered: string | null;
  readonly needs: Presence;
  readonly signal: AbortSignal;
  /** Hears what is wrong and does not stop the command. */
  readonly note: (text: string) => void;
}

/** What may be wrong with its identity: nobody signs that, and every manifest says for itself which format it has. */
const goesOnWithout: Readonly<Record<Presence, readonly ErrorCode[]>> = {
  whole: [],
  mendable: ['OBJECT_DAMAGED'],
  readable: ['OBJECT_DAMAGED', 'FORMAT_UNSUPPORTED'],
  any: ['OBJECT_DAMAGED', 'FORMAT_UNSUPPORTED'],
};

/** @throws STORE_FOREIGN no store, or another; OBJECT_DAMAGED, FORMAT_UNSUPPORTED its identity cannot be read, and it has to be whole */
export async function checkPresence(check: PresenceCheck): Promise<void> {
  const { store, addin, remembered, needs, signal, note } = check;
  // Whoever may only put has nothing to look at, and is told so by the reading itself.
  if (store.capabilities.putOnly) return;
  let found: StoreFile | null;
  try {
    found = await readStoreFile(store, signal);
  } catch (error) {
    if (!isHoldfastError(error) || !goesOnWithout[needs].includes(error.code)) throw error;
    if (needs !== 'mendable') note(`warning: ${error.message}; the snapshots are read without it`);
    return;
  }
  if (found !== null) {
    if (remembered === null || remembered === found.store) return;
    throw anotherStore(found, remembered, wordsOf(addin));
  }
  const goesOn = needs === 'readable' || (needs === 'mendable' && remembered !== null);
  if (goesOn && (await holdsSnapshots(store, signal))) {
    if (needs === 'readable')
      note(`warning: the store has lost its ${storeFileKey}; the snapshots are read without it`);
    return;
  }
  await refuseAbsent(check);
}

/** @throws STORE_FOREIGN unless a first backup may still come */
async function refuseAbsent({ store, addin, remembered, needs, signal }: PresenceCheck): Promise<void> {
  if (remembered !== null) throw lostStore(remembered, wordsOf(addin));
  const other = await firstKey(store, signal);
  const place = placeOf(addin.store);
  if (other !== null) {
    const message = `${place} is not empty and no store of Holdfast (it holds ${printable(other)})`;
    throw new HoldfastError('STORE_FOREIGN', message, {
      hint: 'Check the path, bucket and prefix in the addin configuration.',
    });
  }
  if (needs === 'any') return;
  throw new HoldfastError('STORE_FOREIGN', `there is no Holdfast store at ${place} yet`, {
    hint: 'Run holdfast backup first, or check the path, bucket and prefix in the addin configuration.',
  });
}

async function holdsSnapshots(store: Store, signal: AbortSignal): Promise<boolean> {
  return (await store.list({ prefix: 'manifests/', limit: 1, signal })).objects.length > 0;
}

/** A copy is called `<configuration>/<copy>`, as by `asCopy`. */
const wordsOf = (addin: PresenceCheck['addin']): StoreWords => ({
  where: () => storeWords(addin),
  isCopy: addin.name.includes('/'),
  copies: addin.copies.map(({ name }) => name),
});

/** E.g. `the store /srv/backup of nightly`, and that there is no directory where that is so. */
export const storeWords = ({ name, store }: Pick<AddinConfiguration, 'name' | 'store'>): string =>
  `the store ${placeOf(store)}${lackText(store)} of ${name}`;

function lackText({ path }: AddinConfiguration['store']): string {
  if (typeof path !== 'string') return '';
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return ' (where nothing is)';
  return found.isDirectory() ? '' : ' (which is no directory)';
}

/** As people know it: a path, a bucket with its prefix, a remote. Never a secret. */
export function placeOf({ use, path, bucket, prefix, remote }: AddinConfiguration['store']): string {
  const place = path ?? remote ?? (bucket === undefined ? undefined : `${bucket}/${prefix ?? ''}`);
  return typeof place === 'string' ? printable(place, 4096) : `the place of the ${use} store`;
}
