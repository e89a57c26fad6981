/**
 * Tells each account which names of other accounts its own prefix begins, and the prefixes and administrators of all, so
 * that nobody gets what is another's. The accounts of a server are compared in the order of their prefixes, never each
 * with each, and share one list.
 */

import type { Account, DatabaseSelector, OtherNames } from '../contracts/panel.ts';
import { printable } from '../printable.ts';
import { firstFrom } from './sorted-names.ts';

const families = ['mysql', 'postgresql'] as const;

/** How many other accounts a problem names. */
const shownSites = 5;

/** Of all accounts, for one family. */
interface Names {
  /** Sorted, each once. */
  readonly prefixes: readonly string[];
  readonly admins: readonly string[];
  /** Both, as every account gets them. */
  readonly all: NonNullable<OtherNames['all']>;
  /** Sites by prefix, of those that several have. */
  readonly shared: ReadonlyMap<string, readonly string[]>;
}

/** Fills `others` of every selector, and names accounts with equal prefixes: each of them gets databases of the other. */
export function withOtherAccounts(accounts: readonly Account[]): readonly Account[] {
  const names = new Map(families.map((family) => [family, namesOf(accounts, family)]));
  return accounts.map((account) => {
    const { databases } = account;
    const told = databases.map((one) => withOthers(one, names.get(one.family)!));
    const clashes = databases.flatMap((one) => clashesOf(one, account, names.get(one.family)!));
    if (databases.length === 0) return account;
    const problems = [...(account.problem === null ? [] : [account.problem]), ...new Set(clashes)];
    return { ...account, databases: told, problem: problems.length === 0 ? null : problems.join('; ') };
  });
}

function namesOf(accounts: readonly Account[], family: DatabaseSelector['family']): Names {
  const prefixes: string[] = [];
  const admins: string[] = [];
  for (const { databases } of accounts) {
    for (const one of databases) {
      if (one.family !== family) continue;
      if (one.prefix !== null && one.prefix !== '') prefixes.push(one.prefix);
      if (one.admin !== null && one.admin !== '') admins.push(one.admin);
    }
  }
  prefixes.sort();
  admins.sort();
  const repeated = new Set(prefixes.filter((one, i) => one === prefixes[i - 1]));
  const all = { prefixes: once(prefixes), admins: once(admins) };
  return { ...all, all, shared: sitesOf(accounts, family, repeated) };
}

const once = (sorted: readonly string[]): readonly string[] =>
  sorted.filter((one, i) => one !== sorted[i - 1]);

function sitesOf(
  accounts: readonly Account[],
  family: DatabaseSelector['family'],
  prefixes: ReadonlySet<string>,
): ReadonlyMap<string, readonly string[]> {
  const sites = new Map<string, string[]>();
  if (prefixes.size === 0) return sites;
  for (const { site, databases } of accounts) {
    const own = databases.flatMap((one) => (one.family === family ? (one.prefix ?? []) : []));
    for (const prefix of new Set(own)) {
      if (!prefixes.has(prefix)) continue;
      const known = sites.get(prefix);
      if (known === undefined) sites.set(prefix, [site]);
      else known.push(site);
    }
  }
  return sites;
}

function withOthers(selector: DatabaseSelector, { prefixes, admins, all }: Names): DatabaseSelector {
  const { prefix, admin, others: _, ...rest } = selector;
  const isOwn = (list: readonly string[], own: string | null): boolean =>
    list.length === 0 || (list.length === 1 && list[0] === own);
  if (isOwn(prefixes, prefix) && isOwn(admins, admin)) return { ...rest, prefix, admin };
  const begun = (list: readonly string[], own: string | null): readonly string[] =>
    prefix === null || prefix === '' ? none : beginningWith(list, prefix, own);
  return {
    ...rest,
    prefix,
    admin,
    others: { prefixes: begun(prefixes, prefix), admins: begun(admins, admin), all },
  };
}

const none: readonly string[] = [];

/** What begins with the same text lies side by side. */
function beginningWith(sorted: readonly string[], start: string, own: string | null): readonly string[] {
  const low = firstFrom(sorted, start);
  let end = low;
  while (sorted[end]?.startsWith(start)) end += 1;
  if (end === low || (end === low + 1 && sorted[low] === own)) return none;
  return sorted.slice(low, end).filter((one) => one !== own);
}

function clashesOf({ family, prefix }: DatabaseSelector, { site }: Account, { shared }: Names): string[] {
  const all = prefix === null ? undefined : shared.get(prefix);
  if (all === undefined || all.length < 2) return [];
  const shown = all
    .slice(0, shownSites + 1)
    .filter((one) => one !== site)
    .slice(0, shownSites);
  const more = all.length - 1 - shown.length;
  const others = `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return [printable(`${family} prefix ${prefix} is also that of ${others}`)];
}
