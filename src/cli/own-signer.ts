/** The key that signs what commands write into a store beside backups: new revisions of manifests. */

import type { Signer } from '../core/archive/seal.ts';
import { HoldfastError } from '../core/errors.ts';
import { openSigner } from '../core/state/signing-key.ts';
import type { StoreSession } from './store-session.ts';

/**
 * That of this server; null for a dry run, which makes none.
 *
 * @throws USAGE this machine has no state, so nobody would trust what it signs
 */
export async function ownSigner({ loaded, state }: StoreSession, apply: boolean): Promise<Signer | null> {
  if (!apply) return null;
  if (state !== null) return openSigner(loaded.configuration.stateDir, state.server.uuid);
  throw new HoldfastError('USAGE', 'this machine has no state, so nobody would trust what it signs', {
    hint: 'Run it on the server, or where backups have been made, and name its key in "trustedSigners".',
  });
}
