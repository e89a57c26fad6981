/** The account whose last good snapshot is oldest comes first: a run that is cut short does most where it is needed most. */

import type { Account } from '../../contracts/panel.ts';
import type { BackUpRun } from './back-up.ts';

/** @param lastGood when each owner's last complete snapshot was made, milliseconds */
export async function inOrderOfNeed(
  run: BackUpRun,
  lastGood: ReadonlyMap<string, number>,
): Promise<Account[]> {
  if (run.addin.store.capabilities.putOnly) return [...run.accounts];
  const withTime = await Promise.all(
    run.accounts.map(async (account) => {
      const owner = await run.state.knownAccountId(account);
      return { account, atMs: (owner === null ? undefined : lastGood.get(owner)) ?? 0 };
    }),
  );
  return withTime.sort((a, b) => a.atMs - b.atMs).map(({ account }) => account);
}
