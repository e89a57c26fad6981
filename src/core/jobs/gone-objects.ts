/**
 * Whether objects are in the store still, and when a job has to ask that about its own.
 *
 * What a job has put and no manifest names yet prune on another machine, which no lock of ours stops, removes once the store
 * has had it for a day. A machine that was suspended, or a run that hung, meets that.
 */

import type { ObjectRef } from '../archive/manifest.ts';
import type { Store } from '../contracts/store.ts';
import { eachLimited } from './each-limited.ts';

/** Half of what prune spares, for clocks that differ. */
export const safeAgeMs = 12 * 3_600_000;
const headsAtOnce = 8;

/** Keys of those that the store does not have in their size. @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function goneAmong(
  objects: readonly Pick<ObjectRef, 'key' | 'size'>[],
  { store, signal }: { readonly store: Store; readonly signal: AbortSignal },
): Promise<ReadonlySet<string>> {
  const gone = new Set<string>();
  await eachLimited(objects, headsAtOnce, async ({ key, size }) => {
    if ((await store.head({ key, signal }))?.sizeBytes !== size) gone.add(key);
  });
  return gone;
}
