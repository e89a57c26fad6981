/** `store init --accept-copy`: the main store is gone, and its configuration goes on in what was its copy. */

import { HoldfastError } from '../core/errors.ts';
import { wayBackTo } from '../core/jobs/foreign-store.ts';
import { readStoreFile } from '../core/jobs/store-file.ts';
import { openStateOf } from './opened.ts';
import type { Chosen } from './opened-setup.ts';
import { openStoreOf } from './opened-store.ts';
import { placeOf } from './store-presence.ts';
import type { World } from './world.ts';

/** They go there when they are set, or with the next backup; and a release before did neither. */
const seeProtected =
  'pins and legal holds that never reached it are gone: holdfast snapshots --protected shows those that are there';

/**
 * Has the state take the store for the one of its configuration, so that snapshots there are its own as before. Safe to repeat.
 *
 * @param apply without it nothing is changed
 * @returns what came of it, for people
 * @throws STORE_FOREIGN its `holdfast.json` does not name the one before as its origin
 * @throws STORE_DENIED the credentials may only put, so that it cannot be told
 */
export async function acceptCopy(
  { loaded, addin, remembered }: Pick<Chosen, 'loaded' | 'addin' | 'remembered'>,
  apply: boolean,
  world: World,
): Promise<string> {
  if (remembered === null) return `nothing to accept: this server has written to no store of ${addin.name}`;
  const place = placeOf(addin.store);
  const store = await openStoreOf(loaded, addin.store, world);
  try {
    if (store.capabilities.putOnly) {
      const message = `whether ${place} is a copy of the store ${remembered} cannot be read with credentials that only put`;
      throw new HoldfastError('STORE_DENIED', message, {
        hint: 'Use credentials that can read, without "putOnly", until the copy is accepted.',
      });
    }
    const file = await readStoreFile(store, world.signal);
    if (file?.store === remembered) {
      const wasCopy = file.origins !== undefined && file.origins.length > 0;
      const what = wasCopy ? 'was accepted before' : 'nothing to accept';
      return `${what}: ${place} is the store ${remembered} that this server writes to`;
    }
    if (file === null || file.origins?.includes(remembered) !== true) {
      throw new HoldfastError('STORE_FOREIGN', `${place} holds no copy of the store ${remembered}`, {
        hint: `Name the place of the copy as "store" of the addin configuration; where this is the main store from before a copy was accepted, ${wayBackTo}.`,
      });
    }
    if (!apply)
      return `${place} is a copy of the store ${remembered}; with --apply it is accepted; ${seeProtected}`;
    const state = await openStateOf(loaded.configuration, world);
    await state.rememberStore(addin.name, file.store);
    return `accepted: ${place} is the store of ${addin.name} now, instead of ${remembered}; ${seeProtected}`;
  } finally {
    await store.close();
  }
}
