/**
 * What keeps a snapshot from being committed at its end.
 */

import type { ManifestBody } from '../../archive/manifest.ts';
import { HoldfastError } from '../../errors.ts';
import type { BackUpAccount } from './back-up-account.ts';

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
