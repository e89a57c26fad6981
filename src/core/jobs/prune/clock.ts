/**
 * What time the store thinks it is: writes a tiny object where trials go, and takes it away again.
 */

import type { Store } from '../../contracts/store.ts';
import { isHoldfastError } from '../../errors.ts';
import { probePrefixOf } from '../../key-classes.ts';
import { bytesOf } from '../../streams.ts';
import type { PruneRequest } from './types.ts';

/** Of this machine and of the store. */
interface Clocks {
  /** No clock of theirs is behind this. */
  readonly earliestMs: number;
  /** They differ by so much at least. */
  readonly apartMs: number;
}

/** One folder for all, as a folder that was made stays in some stores. */
export const pruneFolder = (server: string): string => probePrefixOf('events', server, 'prune');

/**
 * What put and list tell of an object that was stored just now: it is the list by whose times ages are judged, and the two
 * need not be of one clock.
 *
 * @throws STORE_DENIED, STORE_UNAVAILABLE, STORE_FULL
 */
export async function probedClocks(
  { store, server, world, signal }: PruneRequest,
  nowMs: number,
): Promise<Clocks> {
  const key = `${pruneFolder(server)}clock-${world.newObjectId().slice(0, 12)}`;
  const put = await store.put({ key, body: bytesOf(Buffer.from('?')), sizeBytes: 1, signal });
  const listed = (await store.list({ prefix: key, signal })).objects.find((one) => one.key === key);
  await removeProbe(store, key, put.version, signal);
  const told = [put.storedAtMs, listed?.modifiedAtMs].filter((one) => typeof one === 'number');
  return {
    earliestMs: Math.min(nowMs, ...told),
    apartMs: Math.max(0, ...told.map((one) => Math.abs(one - nowMs))),
  };
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
