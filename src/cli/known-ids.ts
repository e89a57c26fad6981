/** By which id each account's snapshots go, for commands that look at thousands of accounts. */

import type { Account } from '../core/index.ts';
import { accountXattr } from '../core/state/carried-ids.ts';
import { isUuid } from '../core/state/server-identity.ts';
import type { State } from '../core/state/state.ts';

/** Accounts that are looked at before others get their turn. */
const inOneTurn = 50;

/**
 * Accounts without an id are not in it. Without a state, which may be lost, what their directories carry counts.
 *
 * Reads synchronously, and lets the answers of a store through now and then: both take long, and go on beside each other.
 */
export async function knownIds(
  accounts: readonly Account[],
  state: State | null,
): Promise<ReadonlyMap<Account, string>> {
  const ids = new Map<Account, string>();
  const idOf = state === null ? await carriedAlone() : (account: Account) => state.knownAccountId(account);
  for (const [index, account] of accounts.entries()) {
    if (index % inOneTurn === inOneTurn - 1) await new Promise(setImmediate);
    const id = await idOf(account);
    if (id !== null) ids.set(account, id);
  }
  return ids;
}

async function carriedAlone(): Promise<(account: Account) => Promise<string | null>> {
  const { readPathXattr } = await import('../core/filesystem/path-xattrs.ts');
  return async ({ home }) => {
    const value = home === null ? null : await readPathXattr(home, accountXattr).catch(() => null);
    const text = Buffer.from(value ?? '').toString('latin1');
    return isUuid(text) ? text : null;
  };
}
