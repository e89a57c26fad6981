/** By which id each account's snapshots go, for commands that look at thousands of accounts. */

import type { Account } from '../core/index.ts';
import type { State } from '../core/state/state.ts';

/** Accounts that are looked at before others get their turn. */
const inOneTurn = 50;

/**
 * Accounts without an id are not in it.
 *
 * Reads synchronously, and lets the answers of a store through now and then: both take long, and go on beside each other.
 */
export async function knownIds(
  accounts: readonly Account[],
  state: State | null,
): Promise<ReadonlyMap<Account, string>> {
  const ids = new Map<Account, string>();
  if (state === null) return ids;
  for (const [index, account] of accounts.entries()) {
    if (index % inOneTurn === inOneTurn - 1) await new Promise(setImmediate);
    const id = await state.knownAccountId(account);
    if (id !== null) ids.set(account, id);
  }
  return ids;
}
