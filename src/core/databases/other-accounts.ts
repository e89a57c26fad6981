/**
 * Tells each account which names of other accounts its own prefix begins, so that nobody gets what is another's.
 * The accounts of a server are compared in the order of their prefixes, never each with each.
 */

import type { Account, DatabaseSelector } from '../contracts/panel.ts';
import { printable } from '../printable.ts';

type Family = DatabaseSelector['family'];

/** How many other accounts a problem names. */
const shownSites = 5;

interface Names {
  readonly prefixes: readonly string[];
  readonly admins: readonly string[];
}

/** Fills `others` of every selector, and names accounts with equal prefixes: each of them gets databases of the other. */
export function withOtherAccounts(accounts: readonly Account[]): readonly Account[] {
  const names = new Map<Family, Names>();
  const sites = new Map<string, string[]>();
  for (const family of ['mysql', 'postgresql'] as const) {
    const selectors = accounts.flatMap(({ databases }) => databases.filter((one) => one.family === family));
    names.set(family, {
      prefixes: sorted(selectors.map(({ prefix }) => prefix)),
      admins: sorted(selectors.map(({ admin }) => admin)),
    });
  }
  for (const { site, databases } of accounts) {
    for (const key of new Set(databases.flatMap(keysOf))) {
      const known = sites.get(key);
      if (known === undefined) sites.set(key, [site]);
      else known.push(site);
    }
  }
  return accounts.map((account) => {
    if (account.databases.length === 0) return account;
    const databases = account.databases.map((one) => withOthers(one, names.get(one.family)!));
    const clashes = [...new Set(databases.flatMap(keysOf))].flatMap((key) => clashOf(key, account, sites));
    if (clashes.length === 0) return { ...account, databases };
    const problem = [...(account.problem === null ? [] : [account.problem]), ...clashes].join('; ');
    return { ...account, databases, problem };
  });
}

function withOthers({ others: _, ...selector }: DatabaseSelector, names: Names): DatabaseSelector {
  const { prefix, admin } = selector;
  if (prefix === null || prefix === '') return selector;
  const prefixes = beginningWith(names.prefixes, prefix).filter((one) => one !== prefix);
  const admins = beginningWith(names.admins, prefix).filter((one) => one !== admin);
  return prefixes.length + admins.length === 0 ? selector : { ...selector, others: { prefixes, admins } };
}

const sorted = (values: readonly (string | null)[]): readonly string[] =>
  [...new Set(values.filter((value) => value !== null && value !== ''))].sort() as string[];

/** What begins with the same text lies side by side. */
function beginningWith(values: readonly string[], start: string): readonly string[] {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < start) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (values[end]?.startsWith(start)) end += 1;
  return values.slice(low, end);
}

const keysOf = ({ family, prefix }: DatabaseSelector): string[] =>
  prefix === null || prefix === '' ? [] : [`${family} prefix ${prefix}`];

function clashOf(key: string, { site }: Account, sites: ReadonlyMap<string, readonly string[]>): string[] {
  const all = sites.get(key) ?? [];
  if (all.length < 2) return [];
  const shown = all
    .slice(0, shownSites + 1)
    .filter((one) => one !== site)
    .slice(0, shownSites);
  const more = all.length - 1 - shown.length;
  return [printable(`${key} is also that of ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`)];
}
