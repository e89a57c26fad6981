/**
 * The users that processes of addins run as: our own stores as one, each addin of a package as one that no other
 * has. So no stranger can look into a store of ours or into another stranger, nor leave anything where one would
 * find it.
 *
 * Ours is a user of the system where there is one of that name. All else are numbers that neither systems nor
 * people are given.
 */

import { readFileSync } from 'node:fs';

export interface AddinUser {
  readonly uid: number;
  readonly gid: number;
  /** Null: only a number. */
  readonly name: string | null;
}

export const storeUserName = 'holdfast-store';

/** Between what systemd gives to services and `nobody`, where Debian and systemd give nothing. */
const storeNumber = 65_521;

/**
 * Of addins of packages: the rest of that range, which containers with few numbers have as well; then one in which
 * systemd gives none, Debian's tools none unless told to, and those for containers begin later.
 */
const ranges = [
  { first: 65_522, last: 65_533 },
  { first: 70_000, last: 79_999 },
] as const;

export function storeUser(passwd = '/etc/passwd'): AddinUser {
  const line = linesOf(passwd).find((one) => one.startsWith(`${storeUserName}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid !== undefined && Number(uid) > 0)
    return { uid: Number(uid), gid: Number(gid), name: storeUserName };
  return { uid: storeNumber, gid: storeNumber, name: null };
}

export const packageUser = (number: number): AddinUser => ({ uid: number, gid: number, name: null });

export const isPackageNumber = (uid: number): boolean =>
  ranges.some(({ first, last }) => uid >= first && uid <= last);

/** In the order in which they are to be given; without those that the system has given to somebody after all. */
export function* packageNumbers(passwd = '/etc/passwd'): Generator<number> {
  const given = new Set(linesOf(passwd).map((line) => Number(line.split(':')[2])));
  for (const { first, last } of ranges) {
    for (let number = first; number <= last; number += 1) if (!given.has(number)) yield number;
  }
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
