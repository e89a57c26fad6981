/** Makes sure that a place is the copy it is taken for, or makes it one, before anything is put there. */

import { HoldfastError } from '../../errors.ts';
import { claimCopy, readStoreFile } from '../store-identity.ts';
import type { OpenStore } from './copy-one.ts';
import { CopyRecord } from './copy-record.ts';
import { unreadable } from './report.ts';
import type { CopyRun, CopyTarget } from './types.ts';

/**
 * @returns what the state knows of that very copy
 * @throws STORE_DENIED the main store is put-only
 * @throws STORE_FOREIGN the place is another one than before, or the main store itself
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
  const store = await claimCopy(target.store, state.storeId(slot), origins, claim);
  await state.rememberStore(slot, store);
  return CopyRecord.open(stateDir, { addin: addin.name, copy: name, store }, retention);
}
