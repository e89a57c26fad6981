/**
 * The accounts whose last good snapshots are oldest come first: a run that is cut short does most where it is needed most.
 *
 * Of those that one run backed up, what took longest comes first, so that no run ends with a large account alone on an
 * idle machine. What a clock that was ahead has dated is no good one yet. A store that cannot be listed is not asked:
 * what runs have written is in the state, of a killed one all but the last minutes.
 */

import { isAhead } from '../../ahead.ts';
import { parseManifestKey } from '../../archive/keys.ts';
import type { Account } from '../../contracts/panel.ts';
import { type NewestFindings, readNewestFindings } from '../../state/newest-findings.ts';
import type { BackUpRun } from './back-up.ts';

/** Between the snapshots of one run there is rarely more, and between two runs rarely less. */
const betweenRunsMs = 600_000;

interface Need {
  readonly account: Account;
  /** When its last good snapshot was made; 0 where there is none. */
  readonly atMs: number;
  /** How long its newest one took; 0 where nobody knows. */
  readonly tookMs: number;
}

/** @param lastGood when each owner's last complete snapshot was made, milliseconds */
export async function inOrderOfNeed(
  run: BackUpRun,
  lastGood: ReadonlyMap<string, number>,
): Promise<Account[]> {
  const newest = await readNewestFindings(run.stateDir, run.addin.id);
  const known = run.addin.store.capabilities.putOnly ? written(newest, run.world.now()) : lastGood;
  const needs = await Promise.all(
    run.accounts.map(async (account): Promise<Need> => {
      const owner = (await run.state.knownAccountId(account)) ?? '';
      return { account, atMs: known.get(owner) ?? 0, tookMs: newest.get(owner)?.durationMs ?? 0 };
    }),
  );
  const byTime = needs.sort((a, b) => a.atMs - b.atMs);
  return runsOf(byTime).flatMap((one) =>
    one.sort((a, b) => b.tookMs - a.tookMs).map(({ account }) => account),
  );
}

/** Those that seem to come from one run together; from the oldest on. */
function runsOf(byTime: readonly Need[]): Need[][] {
  const runs: Need[][] = [];
  for (const [i, need] of byTime.entries()) {
    const before = byTime[i - 1];
    if (before === undefined || need.atMs - before.atMs >= betweenRunsMs) runs.push([]);
    runs.at(-1)!.push(need);
  }
  return runs;
}

function written(newest: ReadonlyMap<string, NewestFindings>, nowMs: number): ReadonlyMap<string, number> {
  return new Map(
    [...newest].flatMap(([owner, { completeKey = '' }]) => {
      const atMs = parseManifestKey(completeKey)?.atMs;
      return atMs === undefined || isAhead(atMs, nowMs) ? [] : [[owner, atMs] as const];
    }),
  );
}
