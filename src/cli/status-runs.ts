/** What `status` tells of runs: those under way, those that ended, and who begins the next one. */

import { type PastRun, pastRuns, runLogFile } from '../core/state/run-history.ts';
import { type KnownRun, knownRuns } from '../core/state/run-records.ts';
import type { StatusDocument } from './documents/snapshots.ts';
import { agoText, plural } from './format.ts';
import type { Output } from './output.ts';
import { farText } from './runs/interrupted.ts';
import { describePastRun } from './runs/past-run.ts';
import { type Runner, runnerOf } from './runs/runner.ts';
import type { StoreSession } from './store-session.ts';

const shownRuns = 20;

/** In lines at once, and as its part of the document. */
export async function tellRuns(
  output: Output,
  { loaded: { configuration }, addin }: StoreSession,
  nowMs: number,
): Promise<Pick<StatusDocument, 'runs' | 'ended' | 'runner'>> {
  const { stateDir } = configuration;
  const runs = (await knownRuns(stateDir)).filter((run) => run.addin === addin.name);
  for (const run of runs) output.info(runText(run, nowMs));
  const ended = await pastRuns(stateDir, { addin: addin.name, limit: shownRuns, nowMs });
  if (ended[0] !== undefined) output.info(endText(ended[0], nowMs));
  const runner = runnerOf(configuration);
  // What begins backups now ends with the fault, whatever it is; what is left may lack the schedule, or that it is off.
  if (configuration.faults.length > 0)
    output.info('no backup is made until the configuration is mended: see holdfast doctor');
  else if (!configuration.steering.enabled) output.info('backups are switched off: see holdfast schedule');
  else if (addin.schedule.length > 0) output.info(runnerText(runner));
  else output.info('nothing is scheduled: see holdfast schedule');
  return {
    runs: runs.map(({ id, state, startedAtMs, accounts, done, failed }) => {
      return { id, state, startedAt: new Date(startedAtMs).toISOString(), accounts, done, failed };
    }),
    ended: ended.map((run) => ({
      ...describePastRun(run),
      log: runLogFile(stateDir, run.startedAtMs, run.id),
    })),
    runner: runner.kind,
  };
}

function runText({ state, startedAtMs, ...far }: KnownRun, nowMs: number): string {
  const began = `that began ${agoText(nowMs - startedAtMs)}`;
  return state === 'running'
    ? `a run ${began} is under way: ${farText(far)}`
    : `a run ${began} was interrupted after about ${farText(far)}; run holdfast backup again`;
}

function endText({ id, scheduled, startedAtMs, exitStatus, ...counts }: PastRun, nowMs: number): string {
  const { snapshots, partial, failed } = counts;
  const how = `${plural(snapshots, 'snapshot')}, ${partial} of them partial, ${failed} failed`;
  const what = scheduled ? 'scheduled run' : 'run by hand';
  return `last ${what} ${id} ${agoText(nowMs - startedAtMs)}: exit status ${exitStatus}, ${how}`;
}

const runnerText = ({ kind, pid }: Runner): string =>
  kind === 'daemon'
    ? `the daemon runs the schedule (process ${pid})`
    : kind === 'nothing'
      ? 'nothing runs the schedule: see holdfast schedule'
      : `the schedule is run by ${kind}`;
