/**
 * What time the store thinks it is: writes a tiny object where trials go, and takes it away again.
 */

import type { Store } from '../../contracts/store.ts';
import { isHoldfastError } from '../../errors.ts';
import { probePrefixOf } from '../../key-classes.ts';
import { bytesOf } from '../../streams.ts';
import type { PruneRequest } from './types.ts';

/**
 * What put and list tell of an object that was stored just now: it is the list by whose times ages are judged, and the two
 * need not be of one clock.
 *
 * @throws STORE_DENIED, STORE_UNAVAILABLE, STORE_FULL
 */
export async function storeClocks({
  store,
  server,
  world,
  signal,
}: PruneRequest): Promise<readonly number[]> {
  const probe = world.newObjectId().slice(0, 12);
  const key = `${probePrefixOf('events', server, probe)}clock`;
  const put = await store.put({ key, body: bytesOf(Buffer.from('?')), sizeBytes: 1, signal });
  const listed = (await store.list({ prefix: key, signal })).objects.find((one) => one.key === key);
  await removeProbe(store, key, put.version, signal);
  return [put.storedAtMs, listed?.modifiedAtMs].filter((one) => typeof one === 'number');
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
