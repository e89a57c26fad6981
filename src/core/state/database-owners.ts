/**
 * Whose the snapshots are that hold nothing but an account's databases.
 *
 * They lie under a UUID of their own, which follows from the account's: whoever knows one knows the other, with no
 * state and no identity, and no name that a panel gives leads there. The name `<site>.databases` is for people; no
 * account may have one that ends so. docs/format.md, section 1.
 */

import { createHash } from 'node:crypto';
import type { Account } from '../contracts/panel.ts';
import type { State } from './state.ts';

const suffix = '.databases';

/** Version 8 of RFC 9562: the first 128 bits of a SHA-256, but for version and variant. */
export function databasesOwner(account: string): string {
  const bytes = createHash('sha256').update(`holdfast databases ${account}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export const databasesSite = (site: string): string => `${site}${suffix}`;

/** The account in the name of its databases' snapshots; null where it is no such name. */
export function accountOfDatabases(site: string): string | null {
  return site.length > suffix.length && site.endsWith(suffix) ? site.slice(0, -suffix.length) : null;
}

/** Site by UUID, also for the databases of the accounts that hold their site now. */
export function ownerNames(state: State): ReadonlyMap<string, string> {
  const sites = state.sites();
  const databases = [...sites].map(([uuid, site]) => [databasesOwner(uuid), databasesSite(site)] as const);
  return new Map([...sites, ...databases]);
}

/** The account without its files and aliases: what is captured of it is its databases, under their own name. */
export function databasesOnly(account: Account): Account {
  const site = databasesSite(account.site);
  return { ...account, site, home: null, aliases: [], trees: [] };
}

/**
 * The state as a run over `databasesOnly` of these accounts sees it: what it remembers is about the accounts, and
 * the UUIDs it gives out are those of their databases.
 */
export function databaseOwners(state: State, accounts: readonly Account[]): State {
  const bySite = new Map(accounts.map((account) => [databasesSite(account.site), account]));
  const accountOf = ({ site }: Account): Account => {
    const account = bySite.get(site);
    if (account === undefined) throw new RangeError('not one of the accounts of this run');
    return account;
  };
  return {
    server: state.server,
    notes: state.notes,
    async accountId(one) {
      return databasesOwner(await state.accountId(accountOf(one)));
    },
    async sightAll(all) {
      await state.sightAll(all.map(accountOf));
    },
    async knownAccountId(one) {
      const account = await state.knownAccountId(accountOf(one));
      return account === null ? null : databasesOwner(account);
    },
    // Said of the account itself.
    former: () => null,
    accounts: () => state.accounts(),
    sites: () => state.sites(),
    rememberStore: (name, id) => state.rememberStore(name, id),
    storeId: (name) => state.storeId(name),
    hasUsedStore: (name) => state.hasUsedStore(name),
  };
}
