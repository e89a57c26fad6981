/**
 * Which names on a server are an account's, by its prefix: of databases, users and roles. Where the prefix of one
 * account begins that of another, the longest prefix wins.
 */

import type { DatabaseSelector } from '../contracts/panel.ts';
import { firstFrom } from './sorted-names.ts';

export interface AccountNames {
  /** Whether a database of this name belongs to the account by its prefix alone. */
  hasPrefix(name: string): boolean;
  /** Whether the longer prefix of another account begins the name; not asked for names given outright. */
  isForeign(name: string): boolean;
  /**
   * Whether the prefix of any other account begins the name, or it is another's administrator: no grant makes it this
   * account's, since the other one may have given it.
   */
  isOthers(name: string): boolean;
  /** Whether a user or role of this name is the account's. */
  isUser(name: string): boolean;
}

/** Made once for many names: each is looked up without a walk over the other accounts. */
export function accountNames({
  prefix,
  admin,
  others,
}: Pick<DatabaseSelector, 'prefix' | 'admin' | 'others'>): AccountNames {
  const prefixes = new Set(others?.prefixes);
  const admins = new Set(others?.admins);
  const shortest = prefix === null ? 1 : prefix.length + 1;
  const isForeign = (name: string): boolean => {
    if (prefixes.size === 0) return false;
    for (let end = shortest; end <= name.length; end += 1) if (prefixes.has(name.slice(0, end))) return true;
    return false;
  };
  const hasPrefix = (name: string): boolean =>
    prefix !== null && prefix !== '' && name.startsWith(prefix) && !isForeign(name);
  const isUser = (name: string): boolean =>
    name !== '' && (name === admin || (hasPrefix(name) && !admins.has(name)));
  const isOthers = (name: string): boolean => {
    if (hasPrefix(name) || name === admin) return false;
    const all = others?.all;
    if (isForeign(name) || admins.has(name) || has(all?.admins, name)) return true;
    for (let end = 1; end <= name.length; end += 1) if (has(all?.prefixes, name.slice(0, end))) return true;
    return false;
  };
  return { hasPrefix, isForeign, isOthers, isUser };
}

const has = (sorted: readonly string[] = [], wanted: string): boolean =>
  sorted[firstFrom(sorted, wanted)] === wanted;
