/** `store init --accept-copy`: the main store is gone, and its configuration goes on in what was its copy. */

import { HoldfastError } from '../core/errors.ts';
import { readStoreFile } from '../core/jobs/store-identity.ts';
import { openStateOf } from './opened.ts';
import type { Chosen } from './opened-setup.ts';
import { openStoreOf } from './opened-store.ts';
import { placeOf } from './store-presence.ts';
import type { World } from './world.ts';

/**
 * Has the state take the store for the one of its configuration, so that snapshots there are its own as before. Safe to repeat.
 *
 * @param apply without it nothing is changed
 * @throws STORE_FOREIGN its `holdfast.json` does not name the one before as its origin
 */
export async function acceptCopy(
  { loaded, addin, remembered }: Pick<Chosen, 'loaded' | 'addin' | 'remembered'>,
  apply: boolean,
  world: World,
): Promise<void> {
  const store = await openStoreOf(loaded, addin.store, world);
  try {
    const file = await readStoreFile(store, world.signal);
    if (file === null || remembered === null || file.origins?.includes(remembered) !== true) {
      const before = remembered ?? 'that this server remembers';
      throw new HoldfastError(
        'STORE_FOREIGN',
        `${placeOf(addin.store)} holds no copy of the store ${before}`,
        {
          hint: 'Name the place of the copy as "store" of the addin configuration.',
        },
      );
    }
    if (!apply) return;
    const state = await openStateOf(loaded.configuration, world);
    await state.rememberStore(addin.name, file.store);
  } finally {
    await store.close();
  }
}
