/**
 * Which erasures prune believes: of encrypted snapshots those whose keys are gone, so that nobody can read them.
 *
 * Whoever has taken a server over can sign one with its key, and hide keys behind markers where the server may not destroy
 * them. Neither must make prune, with its wider rights, take away what still opens.
 */

import { pairSlot } from '../../encryption/owner-keys.ts';
import type { AccountProtections } from '../events.ts';
import { keysLeft } from '../keys/keys-left.ts';
import type { KeyGroup } from '../walk.ts';
import type { ReadManifest } from './read-group.ts';
import type { PruneRequest } from './types.ts';

/** Asks the store only where there are erasures. @returns whether the snapshot of this id may go as erased */
export async function erasureCheck(
  { store, signal }: Pick<PruneRequest, 'store' | 'signal'>,
  { server, owner }: Pick<KeyGroup, 'server' | 'owner'>,
  { erasures }: AccountProtections,
  snapshots: readonly ReadManifest[],
): Promise<(id: string) => boolean> {
  if (erasures.length === 0) return () => true;
  const isLeft = await keysLeft(store, { server, owner }, signal);
  const stillOpen = snapshots.filter(
    ({ snapshot: { header } }) =>
      header.encryption !== undefined && isLeft(pairSlot({ server, owner, ...header.encryption })),
  );
  const open = new Set(stillOpen.map(({ snapshot }) => snapshot.header.id));
  return (id) => !open.has(id);
}
