/**
 * A little room that prune holds back in the store, so that a full one can be pruned: the event that names a snapshot is
 * written before that goes. docs/decisions/0014-pruning-a-full-store.md.
 */

import { createHash } from 'node:crypto';
import { isHoldfastError } from '../../errors.ts';
import { bytesOf } from '../../streams.ts';
import { pruneFolder } from './clock.ts';
import { Remover } from './remover.ts';
import type { PruneRequest } from './types.ts';

/** Events of some dozens of accounts, in blocks of a file system. */
const sizeBytes = 256 * 1024;

type Place = Pick<PruneRequest, 'store' | 'server' | 'world' | 'signal'>;

const keyOf = ({ server }: Place): string => `${pruneFolder(server)}reserve`;

/**
 * Nothing where it is there, and where what is removed may stay as a version or by a lock. Best effort: whatever fails, prune
 * has done its work.
 *
 * @throws INTERRUPTED
 */
export async function keepReserve(place: Place): Promise<void> {
  const { store, world, signal } = place;
  if (store.capabilities.versions || store.capabilities.objectLock) return;
  const key = keyOf(place);
  try {
    if ((await store.head({ key, signal })) !== null) return;
    // No zeros: some file systems give those no room.
    const body = createHash('shake256', { outputLength: sizeBytes }).update(world.newObjectId()).digest();
    await store.put({ key, body: bytesOf(body), sizeBytes, signal });
  } catch (error) {
    if (!isHoldfastError(error) || error.code === 'INTERRUPTED') throw error;
  }
}

/** Whether that has made room. @throws STORE_UNAVAILABLE */
export async function giveUpReserve(place: Place): Promise<boolean> {
  const { store, signal } = place;
  const found = await store.head({ key: keyOf(place), signal });
  return found !== null && (await new Remover({ ...place, onEvent: () => {} }).remove(found));
}
