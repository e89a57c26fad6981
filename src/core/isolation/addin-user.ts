/**
 * The users that processes of addins run as: our own stores as one, strangers' code as another, so that a
 * stranger can neither look into a store of ours nor leave anything where one would find it.
 *
 * A user of the system where there is one of that name, else a number that neither systems nor people are given.
 */

import { readFileSync } from 'node:fs';

export interface AddinUser {
  readonly uid: number;
  readonly gid: number;
  /** Null: only a number. */
  readonly name: string | null;
}

export const userNames = { own: 'holdfast-store', strangers: 'holdfast-addin' } as const;

/** Between what systemd gives to services and `nobody`, where Debian and systemd give nothing. */
const numbers = { own: 65521, strangers: 65522 } as const;

export function addinUser(whose: keyof typeof userNames, passwd = '/etc/passwd'): AddinUser {
  const name = userNames[whose];
  const line = linesOf(passwd).find((one) => one.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid !== undefined && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid), name };
  return { uid: numbers[whose], gid: numbers[whose], name: null };
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
