/**
 * What time the store thinks it is: writes a tiny object where trials go, and takes it away again.
 */

import type { Store } from '../../contracts/store.ts';
import { isHoldfastError } from '../../errors.ts';
import { probePrefixOf } from '../../key-classes.ts';
import { bytesOf } from '../../streams.ts';
import type { PruneRequest } from './types.ts';

/** @throws STORE_DENIED, STORE_UNAVAILABLE, STORE_FULL */
export async function storeClock({ store, server, world, signal }: PruneRequest): Promise<number | null> {
  const probe = world.newObjectId().slice(0, 12);
  const key = `${probePrefixOf('events', server, probe)}clock`;
  const put = await store.put({ key, body: bytesOf(Buffer.from('?')), sizeBytes: 1, signal });
  const atMs = put.storedAtMs ?? (await store.head({ key, signal }))?.modifiedAtMs ?? null;
  await removeProbe(store, key, put.version, signal);
  return atMs;
}

async function removeProbe(
  store: Store,
  key: string,
  version: string | null,
  signal: AbortSignal,
): Promise<void> {
  try {
    await store.remove({ key, signal, ...(version === null ? {} : { version }) });
  } catch (error) {
    // Whether anything may be removed shows soon enough.
    if (!isHoldfastError(error) || error.code !== 'STORE_DENIED') throw error;
  }
}
