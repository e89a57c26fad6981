/**
 * Removes key objects with every version, and looks whether they are gone: also versions below the marker of an
 * earlier removal, which nobody sees any more and which open as well as ever.
 */

import type { Store } from '../../contracts/store.ts';
import type { ListedKey } from '../../encryption/owner-keys.ts';
import { Remover } from '../prune/remover.ts';
import type { StoredKey } from '../prune/types.ts';

/** Rows of versions with markers between them; more than this is left to the next time. */
const mostRows = 32;

/**
 * Those the store refused to remove.
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
    let rest: StoredKey | null = key;
    for (let row = 0; rest !== null && row < mostRows; row++) {
      if (mayGo !== undefined && !(await mayGo({ ...key, ...rest }))) break;
      if (!(await remover.remove(rest, mayGo !== undefined))) break;
      rest = await hiddenOf(store, key.key, signal);
    }
    if (rest !== null) left.push(key);
  }
  return left;
}

async function hiddenOf(store: Store, key: string, signal: AbortSignal): Promise<StoredKey | null> {
  if (!store.capabilities.versions) return null;
  const { objects } = await store.list({ prefix: key, limit: 1, hidden: true, signal });
  return objects.find((one) => one.key === key) ?? null;
}
