/** What the `key` commands share: which servers' keys are meant, and the identity they work with. */

import { type Identity, readIdentities } from '../core/encryption/identities.ts';
import { HoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { readSecret } from '../core/settings/secrets.ts';
import { isUuid } from '../core/state/server-identity.ts';
import type { CliContext } from './command.ts';
import { type KeyOptions, readKeyOptions } from './key-input.ts';
import { ownServers } from './search.ts';
import type { StoreSession } from './store-session.ts';

/**
 * The identities of `--identity`, else that of the configuration.
 *
 * @throws IDENTITY_MISSING there is neither
 */
export async function identitiesFor(
  context: CliContext,
  { addin }: Pick<StoreSession, 'addin'>,
  options: KeyOptions,
): Promise<readonly Identity[]> {
  const given = await readKeyOptions(context, options);
  if (given.length > 0) return given;
  const reference = addin.encryption === 'none' ? undefined : addin.encryption.identity;
  if (reference === undefined) {
    throw new HoldfastError('IDENTITY_MISSING', 'no identity was given, and the configuration has none', {
      hint: 'Add --identity FILE.',
    });
  }
  const text = await readSecret(reference, context.world);
  const what = `the identity of ${addin.name}`;
  return readIdentities(Buffer.from(text), what, () => {
    const message = `${what} is under a passphrase, which a configuration cannot ask for`;
    throw new HoldfastError('SECRET_UNUSABLE', message, { hint: 'Give it with --identity FILE.' });
  });
}

/**
 * UUIDs of the servers that are meant: the one named, else this one under all its UUIDs, else null for all.
 *
 * A machine may have a state and nothing of its own in the store: whoever takes null for all has to look there too.
 *
 * @throws USAGE it is no UUID
 */
export function serversOf(
  { state }: Pick<StoreSession, 'state'>,
  server: string | undefined,
): readonly string[] | null {
  if (server !== undefined) return [namedServer(server)];
  return state === null ? null : ownServers(state);
}

/** @throws USAGE it is no UUID */
export function namedServer(server: string): string {
  if (isUuid(server)) return server;
  throw new HoldfastError('USAGE', `${quoted(server)} is no UUID`, {
    hint: 'Take it from "server" in holdfast snapshots --json.',
  });
}
