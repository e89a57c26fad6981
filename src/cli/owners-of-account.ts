/**
 * Under which UUIDs an account's snapshots lie: its own, and that of the snapshots that hold its databases only.
 *
 * For what is about all of an account: erasing, holding, pruning, new keys. Which single snapshot is meant says
 * `find-snapshot.ts`.
 */

import { accountOfDatabases, databasesOwner } from '../core/state/database-owners.ts';
import { ownerOf } from './find-account.ts';
import type { Search } from './search.ts';

/** With whatever belongs to an account; `<account>.databases` means nothing but that. */
export const withDatabases = (wanted: string, owner: string): readonly string[] =>
  accountOfDatabases(wanted) === null ? [owner, databasesOwner(owner)] : [owner];

/** @throws ACCOUNT_NOT_FOUND, USAGE as `ownerOf` */
export async function ownersOf(search: Search, wanted: readonly string[]): Promise<string[]> {
  const owners: string[] = [];
  for (const one of wanted) owners.push(...withDatabases(one, await ownerOf(search, one)));
  return [...new Set(owners)];
}
