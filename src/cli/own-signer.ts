/** The keys that sign what commands write into a store beside backups: revisions of manifests, and events. */

import type { Signer } from '../core/archive/seal.ts';
import { HoldfastError } from '../core/errors.ts';
import { openSigner, ownSigners } from '../core/state/signing-key.ts';
import { ensurePrivateDirectory } from '../core/state/state-files.ts';
import type { CliContext } from './command.ts';
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

/**
 * For events: that of this server, else one of this machine, which it makes with the first event and names.
 *
 * Where others are to believe what it signs, as a server its prune events, they name its key in `trustedSigners`.
 */
export async function eventSigner(
  { output, world }: CliContext,
  { loaded, state }: StoreSession,
): Promise<Signer> {
  const { stateDir } = loaded.configuration;
  if (state !== null) return openSigner(stateDir, state.server.uuid);
  await ensurePrivateDirectory(stateDir);
  const [known] = await ownSigners(stateDir);
  const signer = await openSigner(stateDir, known?.server ?? world.newUuid());
  output.note(
    `note: what this machine decides is signed with ${signer.publicKey}; name it in "trustedSigners" of config.json on the server`,
  );
  return signer;
}
