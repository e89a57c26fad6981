/** What policy says of the accounts that the panel has now, by their UUIDs. */

import type { Retention } from '../core/config/addin-schema.ts';
import { policyOf, type Ruled } from '../core/config/policy.ts';
import type { Search } from './find-snapshot.ts';

/**
 * Retention by account. Accounts that are gone from the panel, and those of other servers, are as if no
 * policy were there: nobody can tell their plan.
 *
 * @throws PANEL_UNREADABLE there are rules, and the panel cannot say whom they are for
 */
export async function retentionsOf(
  { panelAccounts, state }: Search,
  ruled: Ruled,
  server: string,
): Promise<(owner: string) => Retention | null> {
  const found = new Map<string, Retention>();
  if (ruled.policy.some(({ retention }) => retention !== undefined) && state?.server.uuid === server) {
    for (const account of await panelAccounts()) {
      const { value } = policyOf(account, ruled).retention;
      const owner = value === null ? null : await state.knownAccountId(account);
      if (owner !== null && value !== null) found.set(owner, value);
    }
  }
  return (owner) => found.get(owner) ?? null;
}
