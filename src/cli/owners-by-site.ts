/**
 * Whose snapshots a store holds, for a server that has lost its state and with it the UUIDs of its accounts.
 */

import type { Account } from '../core/index.ts';
import type { ListedSnapshot } from '../core/jobs/catalog.ts';
import { readNewestOfEach } from './read-each.ts';
import { ownServers, type Search } from './search.ts';

/**
 * Owners by site, as the newest manifests name them, and a note where there is one. A site with another
 * domain than then may belong to somebody else by now. None where the state knows any of the snapshots.
 */
export async function ownersBySite(
  search: Search,
  listed: readonly ListedSnapshot[],
  accounts: readonly Account[],
): Promise<ReadonlyMap<string, string>> {
  if (madeHere(search, listed)) return new Map();
  const domains = new Map(accounts.map(({ site, domain }) => [site, domain]));
  const { snapshots } = await readNewestOfEach(search, listed);
  const found = snapshots.filter(({ body }) => domains.get(body.account.site) === body.account.domain);
  const oldestFirst = found.sort((a, b) => Date.parse(a.header.startedAt) - Date.parse(b.header.startedAt));
  const owners = new Map(oldestFirst.map(({ header, body }) => [body.account.site, header.owner]));
  if (owners.size > 0)
    search.note?.(
      'note: the local state knows none of these snapshots; accounts are found by site and domain',
    );
  return owners;
}

function madeHere({ state }: Search, listed: readonly ListedSnapshot[]): boolean {
  const servers = ownServers(state);
  return listed.length === 0 || listed.some(({ server }) => servers.includes(server));
}
