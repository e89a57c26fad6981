/**
 * The account whose last good snapshot is oldest comes first: a run that is cut short does most where it is needed most.
 *
 * What a clock that was ahead has dated is no good one yet. A store that cannot be listed is not asked: what runs have written is in the state, of a killed one all but the last minutes.
 */

import { isAhead } from '../../ahead.ts';
import { parseManifestKey } from '../../archive/keys.ts';
import type { Account } from '../../contracts/panel.ts';
import { readNewestFindings } from '../../state/newest-findings.ts';
import type { BackUpRun } from './back-up.ts';

/** @param lastGood when each owner's last complete snapshot was made, milliseconds */
export async function inOrderOfNeed(
  run: BackUpRun,
  lastGood: ReadonlyMap<string, number>,
): Promise<Account[]> {
  const known = run.addin.store.capabilities.putOnly ? await writtenBy(run) : lastGood;
  const withTime = await Promise.all(
    run.accounts.map(async (account) => {
      const owner = await run.state.knownAccountId(account);
      return { account, atMs: (owner === null ? undefined : known.get(owner)) ?? 0 };
    }),
  );
  return withTime.sort((a, b) => a.atMs - b.atMs).map(({ account }) => account);
}

async function writtenBy({ stateDir, addin, world }: BackUpRun): Promise<ReadonlyMap<string, number>> {
  const newest = await readNewestFindings(stateDir, addin.id);
  const nowMs = world.now();
  return new Map(
    [...newest].flatMap(([owner, { completeKey = '' }]) => {
      const atMs = parseManifestKey(completeKey)?.atMs;
      return atMs === undefined || isAhead(atMs, nowMs) ? [] : [[owner, atMs] as const];
    }),
  );
}
