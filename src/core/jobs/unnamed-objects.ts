/**
 * Objects that a job has put and that no manifest names yet: prune on another machine, which no lock of ours stops, removes
 * them once the store has had them for a day. A machine that was suspended, or a run that hung, meets that.
 */

import type { ObjectRef } from '../archive/manifest.ts';
import type { Store } from '../contracts/store.ts';
import { eachLimited } from './each-limited.ts';

/** Half of what prune spares, for clocks that differ. */
export const safeAgeMs = 12 * 3_600_000;
const headsAtOnce = 8;

/** Key of one of them that the store does not have in its size; null where all are there. @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function firstGone(
  objects: readonly Pick<ObjectRef, 'key' | 'size'>[],
  { store, signal }: { readonly store: Store; readonly signal: AbortSignal },
): Promise<string | null> {
  let gone: string | null = null;
  await eachLimited(objects, headsAtOnce, async ({ key, size }) => {
    if (gone === null && (await store.head({ key, signal }))?.sizeBytes !== size) gone = key;
  });
  return gone;
}
