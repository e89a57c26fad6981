/**
 * Pins and holds of many accounts at once, for whoever shows them.
 *
 * Costs one listing of the events of a server, or of an account; read are those of accounts that have a pin or a hold, and
 * of these no erasures.
 */

import { eachLimited } from './each-limited.ts';
import { type AccountProtections, type EventsPlace, protectionKeys, protectionsIn } from './events.ts';
import { walkOwners } from './walk.ts';

const accountsAtOnce = 8;

/**
 * By UUID of the account; without those that have neither. It says nothing of erasures.
 *
 * @param owner null: of all accounts of the server
 * @throws STORE_UNAVAILABLE, STORE_DENIED
 */
export async function readAllProtections(
  place: EventsPlace,
  { server, owner }: { readonly server: string; readonly owner: string | null },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, AccountProtections>> {
  const prefix = `events/${server}/${owner === null ? '' : `${owner}/`}`;
  const accounts: { readonly owner: string; readonly keys: readonly string[] }[] = [];
  for await (const group of walkOwners(place.store, prefix, signal)) {
    const keys = protectionKeys(group.objects.map(({ key }) => key));
    if (keys.length > 0) accounts.push({ owner: group.owner, keys });
  }
  const found = new Map<string, AccountProtections>();
  await eachLimited(accounts, accountsAtOnce, async ({ owner: of, keys }) => {
    found.set(of, await protectionsIn(place, keys, signal));
  });
  return found;
}
