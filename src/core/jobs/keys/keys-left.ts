/**
 * What is left of an account's keys, for whoever believes an erasure only once they are gone.
 *
 * A key behind a marker is not gone: whoever may remove and not destroy can put one there. Nor is it where nobody can
 * tell.
 */

import type { Store } from '../../contracts/store.ts';
import { listKeys, type OwnerPlace, pairSlot } from '../../encryption/owner-keys.ts';
import { isHoldfastError } from '../../errors.ts';

/**
 * @returns whether anything may be left of a key pair, as `pairSlot`
 * @throws STORE_UNAVAILABLE
 */
export async function keysLeft(
  store: Store,
  place: OwnerPlace,
  signal: AbortSignal,
): Promise<(slot: string) => boolean> {
  try {
    const slots = new Set((await listKeys(store, place, signal, true)).map(pairSlot));
    return (slot) => slots.has(slot);
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'STORE_DENIED') throw error;
    return () => true;
  }
}
