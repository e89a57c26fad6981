/** `--server UUID`: whose snapshots in a store are meant, for what goes through a store server by server. */

import { HoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { isUuid } from '../core/state/server-identity.ts';
import type { StoreSession } from './store-session.ts';

/** What `--server <uuid>` does where snapshots are looked up, for the help. */
export const serverHelp = 'snapshots of this server only, which may be another one (default: of this one)';

/** @throws USAGE it is no UUID */
export function requireUuid(server: string): string {
  if (isUuid(server)) return server;
  throw new HoldfastError('USAGE', `${quoted(server)} is no UUID`, {
    hint: 'Take it from "server" in holdfast snapshots --json.',
  });
}

/**
 * UUID of the server whose snapshots are meant.
 *
 * @throws USAGE it is no UUID, or this machine has none
 */
export function serverOf(
  { state }: Pick<StoreSession, 'state'>,
  { server }: { readonly server?: string },
): string {
  const found = server === undefined ? state?.server.uuid : requireUuid(server);
  if (found !== undefined) return found;
  throw new HoldfastError('USAGE', 'this machine has made no snapshots', {
    hint: 'Name the server whose snapshots are meant with --server UUID.',
  });
}
