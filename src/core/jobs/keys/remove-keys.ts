/**
 * Removes key objects with every version, and looks whether they are gone: also versions below the marker of an
 * earlier removal, which nobody sees any more and which open as well as ever.
 */

import type { Store } from '../../contracts/store.ts';
import type { ListedKey } from '../../encryption/owner-keys.ts';
import { isHoldfastError } from '../../errors.ts';
import { Remover } from '../prune/remover.ts';
import type { StoredKey } from '../prune/types.ts';

/** Rows of versions with markers between them; more than this is left to the next time. */
const mostRows = 32;

/**
 * Those the store refused to remove, or does not say of whether a version is left.
 *
 * @param mayGo asked of each version before it is removed; what lies below one that may not go stays as well
 * @throws STORE_UNAVAILABLE, INTERRUPTED what is gone stays gone
 */
export async function removeKeys(
  store: Store,
  keys: readonly ListedKey[],
  signal: AbortSignal,
  mayGo?: (version: ListedKey) => Promise<boolean>,
): Promise<ListedKey[]> {
  const remover = new Remover({ store, signal, onEvent: () => {} });
  const left: ListedKey[] = [];
  for (const key of keys) {
    let rest: StoredKey | 'unknown' | null = key;
    for (let row = 0; rest !== null && rest !== 'unknown' && row < mostRows; row++) {
      if (mayGo !== undefined && !(await mayGo({ ...key, ...rest }))) break;
      if (!(await remover.remove(rest, mayGo !== undefined))) break;
      rest = await leftOf(store, key, signal);
    }
    if (rest !== null) left.push(key);
  }
  return left;
}

/** Null where nothing is left of it. What the store does not tell is as good as left. */
async function leftOf(
  store: Store,
  key: ListedKey,
  signal: AbortSignal,
): Promise<StoredKey | 'unknown' | null> {
  try {
    const { objects } = await store.list({ prefix: key.key, limit: 1, hidden: true, signal });
    return objects.find((one) => one.key === key.key) ?? null;
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'STORE_DENIED') throw error;
    return 'unknown';
  }
}
