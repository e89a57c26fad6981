/**
 * What keeps a snapshot from being committed at its end.
 */

import type { ManifestBody } from '../../archive/manifest.ts';
import { HoldfastError } from '../../errors.ts';
import type { Snapshot } from '../catalog.ts';
import type { BackUpAccount } from './back-up-account.ts';

/** A prune elsewhere may have removed the parent, and its objects will follow. @throws CHAIN_BROKEN */
export async function checkAgain({ addin, signal }: BackUpAccount, parent: Snapshot): Promise<void> {
  if ((await addin.store.head({ key: parent.key, signal })) !== null) return;
  throw new HoldfastError(
    'CHAIN_BROKEN',
    `snapshot ${parent.name} was removed while this one referred to it`,
    {
      hint: 'Run the backup of this account again; it will find another parent or make a full.',
    },
  );
}

export function nothingCaptured(
  request: BackUpAccount,
  components: ManifestBody['components'],
): HoldfastError {
  const first = components.find((component) => component.error !== undefined)?.error;
  const why = first === undefined ? 'it has no trees and no databases' : first.message;
  return new HoldfastError('RUN_FAILED', `nothing of ${request.account.site} could be captured: ${why}`, {
    hint: 'Mend the cause and run the backup of this account again.',
  });
}
