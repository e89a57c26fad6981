/** Makes sure that a place is the copy it is taken for, or makes it one, before anything is put there. */

import { HoldfastError } from '../../errors.ts';
import { rememberPlace, requireSamePlace } from '../../state/store-places.ts';
import { readStoreFile } from '../store-file.ts';
import { claimCopy, reclaim } from '../store-identity.ts';
import type { OpenStore } from './copy-one.ts';
import { CopyRecord } from './copy-record.ts';
import { wasEmptied } from './emptied.ts';
import { unreadable } from './report.ts';
import type { CopyRun, CopyTarget } from './types.ts';

/**
 * @returns what the state knows of that very copy; nothing where a put-only one was emptied
 * @throws STORE_DENIED the main store is put-only
 * @throws STORE_FOREIGN the place is another one than before, or the main store itself
 * @throws STORE_UNAVAILABLE, STORE_FULL
 */
export async function claimedRecord(
  { addin, state, stateDir, world, signal }: CopyRun,
  { name, retention }: Pick<CopyTarget, 'name' | 'retention'>,
  target: OpenStore,
): Promise<CopyRecord> {
  if (addin.store.capabilities.putOnly) throw unreadable();
  const slot = `${addin.name}/${name}`;
  const file = await readStoreFile(addin.store, signal);
  if (file === null) throw new HoldfastError('STORE_FOREIGN', 'the main store has lost its holdfast.json');
  const origins = [file.store, ...(file.origins ?? [])] as const;
  const claim = { ...world, signal, where: target.where };
  const { putOnly } = target.store.capabilities;
  const remembered = state.storeId(slot);
  if (putOnly && remembered !== null && target.place !== undefined)
    await requireSamePlace(stateDir, slot, target.place);
  const store = await claimCopy(target.store, remembered, origins, claim);
  await state.rememberStore(slot, store);
  if (target.place !== undefined) await rememberPlace(stateDir, slot, target.place);
  const record = await CopyRecord.open(stateDir, { addin: addin.name, copy: name, store }, retention);
  const path = { source: addin, target, now: world.now, signal, onSent: () => {} };
  if (putOnly && (await wasEmptied(path, record))) {
    record.forgetHeld();
    // Durably at once: what was offered to find out is there now.
    await record.save(new Set());
    await reclaim(target.store, store, origins, claim);
  }
  return record;
}
