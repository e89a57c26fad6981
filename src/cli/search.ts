/** Where snapshots are looked for: in which store, with what this machine knows, and of which servers. */

import type { KeyedProvider } from '../core/encryption/keyed-provider.ts';
import type { Account, Store } from '../core/index.ts';
import { type ListedSnapshot, listSnapshots } from '../core/jobs/catalog.ts';
import type { Trust } from '../core/jobs/trust.ts';
import { allUuids } from '../core/state/server-identity.ts';
import type { State } from '../core/state/state.ts';

export interface Search {
  readonly store: Store;
  readonly provider: KeyedProvider;
  /** Whose signatures count: a revision of anybody else hides none of ours. Left out: everybody's. */
  readonly trust?: Trust;
  readonly state: State | null;
  /** UUID of the one whose snapshots are meant, and no others; left out: this one's, else everybody's. */
  readonly server?: string;
  /** Rejects where the panel cannot be read. */
  readonly panelAccounts: () => Promise<readonly Account[]>;
  /** By which what is dated ahead is not the latest; left out: nothing is ahead. */
  readonly nowMs?: number;
  /** Takes one line for people. */
  readonly note?: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Of this server under all its UUIDs, else of every server; each server's by owner and sequence. */
export async function listCandidates(search: Search, owner: string | null): Promise<ListedSnapshot[]> {
  const mine = await ofThisServer(search, owner);
  return mine.length > 0 || search.server !== undefined ? mine : ofAnyServer(search, owner);
}

/** The one that is meant: this one under all its UUIDs, or the one that was named. */
export const searchedServers = ({ state, server }: Pick<Search, 'state' | 'server'>): readonly string[] =>
  server !== undefined ? [server] : ownServers(state);

/** UUIDs of this one, the present one last; none without a state. */
export const ownServers = (state: State | null): readonly string[] =>
  state === null ? [] : allUuids(state.server);

/** The one that was named is not this one under any of its UUIDs. */
export const namesAnother = ({ state, server }: Pick<Search, 'state' | 'server'>): boolean =>
  server !== undefined && !ownServers(state).includes(server);

export async function ofThisServer(search: Search, owner: string | null): Promise<ListedSnapshot[]> {
  const { store, signal } = search;
  const where = owner === null ? {} : { owner };
  const lists = await Promise.all(
    searchedServers(search).map((server) => listSnapshots(store, { server, ...where }, signal)),
  );
  return lists.flat();
}

export const ofAnyServer = ({ store, signal }: Search, owner: string | null): Promise<ListedSnapshot[]> =>
  listSnapshots(store, owner === null ? {} : { owner }, signal);
