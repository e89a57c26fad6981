/**
 * The past of this server's accounts under another server: what is there where it has lost its state, or who it was, and
 * its snapshots before are none of its own any more.
 *
 * Goes by the UUIDs that directories of accounts carry, so that servers which share a store hear nothing of each other.
 */

import type { KeyedProvider } from '../core/encryption/keyed-provider.ts';
import type { Account, Store } from '../core/index.ts';
import { isUnusable, listSnapshots, readAnySnapshot } from '../core/jobs/catalog.ts';
import { eachLimited } from '../core/jobs/each-limited.ts';
import { ownersAmong } from '../core/jobs/owners-among.ts';
import { type Standing, standingOf, type Trust } from '../core/jobs/trust.ts';
import type { State } from '../core/state/state.ts';
import { plural } from './format.ts';
import { knownIds } from './known-ids.ts';
import { isOutOfReach, listedServers, serversIn } from './left-out-notes.ts';
import { ownServers } from './search.ts';

const serversAtOnce = 8;

export interface Past {
  /** UUID. */
  readonly server: string;
  /** UUIDs of accounts of this server of which that one made snapshots. */
  readonly accounts: readonly string[];
}

export interface PastSearch {
  readonly store: Store;
  readonly provider: KeyedProvider;
  readonly state: State | null;
  /** Of `trustedSigners`. What keys of this state signed under a UUID that it has lost is past all the same. */
  readonly named: Trust;
  readonly signal: AbortSignal;
}

/**
 * Leaves out servers whose keys the configuration names: whoever did that knows of them; and those that cannot be
 * looked at. Empty where the store cannot be listed.
 *
 * @param servers to look at; left out: all, as anybody may fill a store with folders that sort before
 */
export async function pastElsewhere(
  search: PastSearch,
  accounts: readonly Account[],
  servers?: readonly string[],
): Promise<readonly Past[]> {
  const { store, state, signal } = search;
  if (store.capabilities.putOnly) return [];
  const mine = ownServers(state);
  const all = servers ?? (await serversIn(store, signal));
  const others = all.filter((one) => !mine.includes(one));
  if (others.length === 0) return [];
  const ids = [...(await knownIds(accounts, state)).values()];
  const found = new Map<string, readonly string[]>();
  await eachLimited(others, serversAtOnce, async (server) => {
    found.set(server, await pastAt(search, server, ids));
  });
  return others
    .map((server) => ({ server, accounts: found.get(server) ?? [] }))
    .filter(({ accounts }) => accounts.length > 0);
}

async function pastAt(
  search: PastSearch,
  server: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  try {
    const theirs = await ownersAmong(search.store, server, ids, search.signal);
    return (await standingOfServer(search, server, theirs)) === 'foreign' ? theirs : [];
  } catch (error) {
    if (isOutOfReach(error)) return [];
    throw error;
  }
}

/**
 * By the newest of its manifests that is whole and signed, as what a server makes is: anybody may put an object there.
 * Null where there is none.
 */
async function standingOfServer(
  { store, provider, named, signal }: PastSearch,
  server: string,
  owners: readonly string[],
): Promise<Standing | null> {
  for (const owner of owners) {
    const listed = await listSnapshots(store, { server, owner }, signal);
    for (const one of listed.reverse().flatMap((highest) => [highest, ...(highest.earlier ?? [])])) {
      try {
        const standing = standingOf(await readAnySnapshot(provider, one, signal), named);
        if (standing !== 'unsigned') return standing;
      } catch (error) {
        if (!isUnusable(error)) throw error;
      }
    }
  }
  return null;
}

/** One sentence, or null where there is nothing. */
export function pastText(past: readonly Past[]): string | null {
  if (past.length === 0) return null;
  const count = new Set(past.flatMap(({ accounts }) => accounts)).size;
  const servers = listedServers(past.map(({ server }) => server));
  return `the store has snapshots of ${plural(count, 'account')} of this server made under another UUID, which neither its state nor "trustedSigners" names: ${servers}`;
}

export const pastHint =
  'Where this server has lost its state or the server.json there, bring that back, or go on as docs/recovery.md says ("The state is lost"); where the accounts came from there, name that server in "trustedSigners" of config.json.';

/** Of anybody. */
export const holdsSnapshots = async ({
  store,
  signal,
}: Pick<PastSearch, 'store' | 'signal'>): Promise<boolean> =>
  !store.capabilities.putOnly && (await serversIn(store, signal, 0)).length > 0;
