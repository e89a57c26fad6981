/** Which run of the past says how an addin configuration fares, and what it says. */

import { errorCodes } from '../../core/errors.ts';
import { isFailure } from '../../core/exit-status.ts';
import { type PastRun, pastRuns } from '../../core/state/run-history.ts';
import { agoText, plural } from '../format.ts';

/** By hand, since the last of the schedule. Hooks of a panel begin one for each account that they are told about. */
const mostByHand = 50;

/**
 * The last one that the schedule began, or that was begun by hand since and was for most accounts: one of a single account
 * makes nothing good, and none that ended before it looked accounts up says which it was for. Null: there is none.
 *
 * @param accounts that the configuration has now
 */
export async function tellingRun(
  stateDir: string,
  addin: string,
  { accounts, nowMs }: { readonly accounts: number; readonly nowMs: number },
): Promise<PastRun | null> {
  const [last = null] = await pastRuns(stateDir, { addin, scheduled: true, limit: 1, nowMs });
  const since = last === null ? {} : { sinceMs: last.startedAtMs };
  const byHand = await pastRuns(stateDir, { addin, scheduled: false, ...since, limit: mostByHand, nowMs });
  return byHand.find((run) => run.accounts > 0 && run.accounts > accounts / 2) ?? last;
}

/** A failure; null where it was none. */
export function failureText(run: PastRun | null, nowMs: number): string | null {
  if (run === null || !isFailure(run.exitStatus)) return null;
  const code = Object.entries(errorCodes).find(([, { exit }]) => exit === run.exitStatus)?.[0];
  const status = `exit status ${run.exitStatus}${code === undefined ? '' : ` (${code})`}`;
  return `the ${runWords(run)} of ${run.addin} ${agoText(nowMs - run.startedAtMs)} ended with ${status}: ${countsText(run)}`;
}

export const runWords = ({ scheduled }: PastRun): string =>
  scheduled ? 'last scheduled run' : 'last run by hand';

export const countsText = ({ snapshots, partial, failed }: PastRun): string =>
  `${plural(snapshots, 'snapshot')}, ${partial} of them partial, ${failed} failed`;
