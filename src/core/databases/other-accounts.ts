/**
 * Tells each account which names of other accounts its own prefix begins, so that nobody gets what is another's.
 * The accounts of a server are compared in the order of their prefixes, never each with each, and those without such
 * a name, which are nearly all, stay as they are.
 */

import type { Account, DatabaseSelector } from '../contracts/panel.ts';
import { printable } from '../printable.ts';

const families = ['mysql', 'postgresql'] as const;

/** How many other accounts a problem names. */
const shownSites = 5;

/** Of all accounts, for one family. */
interface Names {
  /** Sorted, each once. */
  readonly prefixes: readonly string[];
  readonly admins: readonly string[];
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
    if (clashes.length === 0 && told.every((one, i) => one === databases[i])) return account;
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
  return { prefixes: once(prefixes), admins: once(admins), shared: sitesOf(accounts, family, repeated) };
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

function withOthers(selector: DatabaseSelector, names: Names): DatabaseSelector {
  const { prefix, admin } = selector;
  if (prefix === null || prefix === '') return withoutOthers(selector);
  const prefixes = beginningWith(names.prefixes, prefix, prefix);
  const admins = beginningWith(names.admins, prefix, admin);
  if (prefixes.length + admins.length === 0) return withoutOthers(selector);
  return { ...selector, others: { prefixes, admins } };
}

function withoutOthers(selector: DatabaseSelector): DatabaseSelector {
  if (selector.others === undefined) return selector;
  const { others: _, ...rest } = selector;
  return rest;
}

const none: readonly string[] = [];

/** What begins with the same text lies side by side. */
function beginningWith(sorted: readonly string[], start: string, own: string | null): readonly string[] {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < start) low = middle + 1;
    else high = middle;
  }
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
