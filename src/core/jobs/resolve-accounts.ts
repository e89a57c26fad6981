/**
 * Which accounts somebody means: by site, domain, alias or UUID on the command line, by globs of the
 * same in an addin configuration.
 *
 * Pure: the panel's list comes in, a part of it goes out, in the panel's order.
 */

import type { Account } from '../contracts/panel.ts';
import { HoldfastError } from '../errors.ts';
import { globToRegExp } from '../glob.ts';
import { didYouMean } from '../near-matches.ts';
import { quoted } from '../printable.ts';

/** Site by UUID, for the accounts whose UUID is known. */
export type SitesByUuid = ReadonlyMap<string, string>;

/**
 * The accounts that `wanted` names, each once.
 *
 * @throws ACCOUNT_NOT_FOUND a name fits none; the hint has names that are close
 * @throws USAGE a domain is claimed by several accounts
 */
export function resolveAccounts(
  accounts: readonly Account[],
  wanted: readonly string[],
  uuids: SitesByUuid = new Map(),
): Account[] {
  const sites = new Set(wanted.map((name) => resolveAccount(accounts, name, uuids).site));
  return accounts.filter(({ site }) => sites.has(site));
}

/** As `resolveAccounts`, for one. */
export function resolveAccount(
  accounts: readonly Account[],
  wanted: string,
  uuids: SitesByUuid = new Map(),
): Account {
  const name = wanted.toLowerCase();
  const site = uuids.get(name) ?? wanted;
  const direct = accounts.find((account) => account.site === site);
  if (direct !== undefined) return direct;
  // A primary domain outranks an alias: aliases are what account owners add by themselves.
  const byDomain = accounts.filter(({ domain }) => domain?.toLowerCase() === name);
  const found = byDomain.length > 0 ? byDomain : accounts.filter((account) => hasAlias(account, name));
  if (found.length > 1) {
    throw new HoldfastError('USAGE', `several accounts claim ${quoted(wanted)}: ${sitesOf(found)}`, {
      hint: 'Name the account by its site.',
    });
  }
  if (found[0] !== undefined) return found[0];
  const guess = didYouMean(wanted, accounts.flatMap(namesOf));
  throw new HoldfastError('ACCOUNT_NOT_FOUND', `there is no account ${quoted(wanted)}`, {
    hint: guess === null ? 'Run holdfast accounts to see them all.' : `Name another account; ${guess}`,
  });
}

export interface AccountSelection {
  readonly accounts: readonly Account[];
  /** Patterns, of `exclude` too, that fit no account: a typing error, or an account that is gone. */
  readonly unmatched: readonly string[];
}

/** Those included by any pattern and excluded by none. `_system` is an account like the others. */
export function selectAccounts(
  accounts: readonly Account[],
  { include, exclude }: { readonly include: readonly string[]; readonly exclude: readonly string[] },
  uuids: SitesByUuid = new Map(),
): AccountSelection {
  const uuidOf = new Map([...uuids].map(([uuid, site]) => [site, uuid]));
  const fits = (pattern: RegExp, account: Account): boolean => {
    const { site, domain, aliases } = account;
    const matches = (name: string | null | undefined): boolean =>
      name != null && pattern.test(name.toLowerCase());
    return matches(site) || matches(domain) || aliases.some(matches) || matches(uuidOf.get(site));
  };
  const matchersOf = (patterns: readonly string[]): RegExp[] =>
    patterns.map((one) => globToRegExp(one.toLowerCase()));
  const [included, excluded] = [matchersOf(include), matchersOf(exclude)];
  const patterns = [...included, ...excluded];
  return {
    accounts: accounts.filter(
      (account) =>
        included.some((pattern) => fits(pattern, account)) &&
        !excluded.some((pattern) => fits(pattern, account)),
    ),
    unmatched: [...include, ...exclude].filter(
      (_, index) => !accounts.some((account) => fits(patterns[index] as RegExp, account)),
    ),
  };
}

function namesOf({ site, domain, aliases }: Account): string[] {
  return [site, ...(domain === null ? [] : [domain]), ...aliases];
}

function hasAlias({ aliases }: Account, name: string): boolean {
  return aliases.some((alias) => alias.toLowerCase() === name);
}

function sitesOf(accounts: readonly Account[]): string {
  return accounts.map(({ site }) => site).join(', ');
}
