/**
 * Whether the store still has the index objects that a new snapshot would refer to, where their content
 * comes from the cache. That every byte of them is right is for `verify` to find out.
 */

import type { Store } from '../../contracts/store.ts';
import { HoldfastError } from '../../errors.ts';
import type { Snapshot } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';

const asksAtOnce = 4;

/** @throws OBJECT_MISSING, OBJECT_DAMAGED one is gone, or has another size */
export async function checkIndexes(store: Store, { header }: Snapshot, signal: AbortSignal): Promise<void> {
  const indexes = [...header.objects, ...header.references].filter(({ kind }) => kind === 'index');
  await eachLimited(indexes, asksAtOnce, async ({ key, size }) => {
    const info = await store.head({ key, signal });
    if (info === null) throw new HoldfastError('OBJECT_MISSING', `index ${key} is missing`);
    if (info.sizeBytes === size) return;
    throw new HoldfastError('OBJECT_DAMAGED', `index ${key} has ${info.sizeBytes} bytes, not ${size}`);
  });
}
