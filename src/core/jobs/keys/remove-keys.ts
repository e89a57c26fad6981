/** Removes key objects with every version, and looks whether they are gone. */

import type { Store } from '../../contracts/store.ts';
import type { ListedKey } from '../../encryption/owner-keys.ts';
import { Remover } from '../prune/remover.ts';

/** Those the store refused to remove. @throws STORE_UNAVAILABLE, INTERRUPTED what is gone stays gone */
export async function removeKeys(
  store: Store,
  keys: readonly ListedKey[],
  signal: AbortSignal,
): Promise<ListedKey[]> {
  const remover = new Remover({ store, signal, onEvent: () => {} });
  const left: ListedKey[] = [];
  for (const key of keys) if (!(await remover.remove(key))) left.push(key);
  return left;
}
