/**
 * Accounts whose last good snapshots are oldest come first: a run that is cut short does most where it is needed most.
 *
 * Of those that one run backed up, what took longest comes first, so that none of them is left alone at the end on a
 * machine that is idle otherwise. What a clock that was ahead has dated is no good one yet. A store that cannot be listed
 * is not asked: what runs have written is in the state, of a killed one all but the last minutes.
 */

import { isAhead } from '../../ahead.ts';
import { parseManifestKey } from '../../archive/keys.ts';
import type { Account } from '../../contracts/panel.ts';
import { type NewestFindings, readNewestFindings } from '../../state/newest-findings.ts';
import type { BackUpRun } from './back-up.ts';

interface Need {
  readonly account: Account;
  /** When its last good snapshot was made; 0 where there is none. */
  readonly atMs: number;
  /** Id of the run that made that one; undefined where nobody knows. */
  readonly run: string | undefined;
  readonly tookMs: number;
}

/** @param lastGood when each owner's last complete snapshot was made, milliseconds */
export async function inOrderOfNeed(
  run: BackUpRun,
  lastGood: ReadonlyMap<string, number>,
): Promise<Account[]> {
  // Without what the state remembers the order is another, and nothing else.
  const newest = await readNewestFindings(run.stateDir, run.addin.id).catch(
    (): Awaited<ReturnType<typeof readNewestFindings>> => new Map(),
  );
  const known = run.addin.store.capabilities.putOnly ? written(newest, run.world.now()) : lastGood;
  const needs = await Promise.all(
    run.accounts.map(async (account) => {
      const owner = (await run.state.knownAccountId(account)) ?? '';
      return needOf(account, known.get(owner) ?? 0, newest.get(owner));
    }),
  );
  const byTime = needs.sort((a, b) => a.atMs - b.atMs);
  // A group stands where its oldest does.
  const groups = [...Map.groupBy(byTime, (need) => need.run ?? need).values()];
  return groups.flatMap((one) => one.sort((a, b) => b.tookMs - a.tookMs).map(({ account }) => account));
}

function needOf(account: Account, atMs: number, newest: NewestFindings | undefined): Need {
  const isLastGood = newest?.completeKey === newest?.key && goodAtMs(newest) === atMs;
  const { run, durationMs } = (isLastGood ? newest : undefined) ?? {};
  return { account, atMs, run, tookMs: durationMs ?? 0 };
}

const goodAtMs = (newest: NewestFindings | undefined): number | undefined =>
  parseManifestKey(newest?.completeKey ?? '')?.atMs;

function written(newest: ReadonlyMap<string, NewestFindings>, nowMs: number): ReadonlyMap<string, number> {
  return new Map(
    [...newest].flatMap(([owner, one]) => {
      const atMs = goodAtMs(one);
      return atMs === undefined || isAhead(atMs, nowMs) ? [] : [[owner, atMs] as const];
    }),
  );
}
