/** What `status` tells of runs: those under way, those that ended, and who begins the next one. */

import { type PastRun, pastRuns, runLogFile } from '../core/state/run-history.ts';
import { type KnownRun, knownRuns } from '../core/state/run-records.ts';
import type { StatusDocument } from './documents/snapshots.ts';
import { agoText } from './format.ts';
import type { Output } from './output.ts';
import { farText } from './runs/interrupted.ts';
import { describePastRun } from './runs/past-run.ts';
import { type Runner, runnerOf } from './runs/runner.ts';
import { countsText, failureText, runWords, tellingRun } from './runs/telling-run.ts';
import type { StoreSession } from './store-session.ts';

const shownRuns = 20;

interface ToldRuns {
  readonly document: Pick<StatusDocument, 'runs' | 'ended' | 'runner'>;
  /** The one that says how the configuration fares did. */
  readonly hasFailed: boolean;
}

/** In lines at once, and as its part of the document. @param accounts that the configuration has */
export async function tellRuns(
  output: Output,
  { loaded: { configuration }, addin }: StoreSession,
  { accounts, nowMs }: { readonly accounts: number; readonly nowMs: number },
): Promise<ToldRuns> {
  const { stateDir } = configuration;
  const name = addin.name.split('/', 1)[0]!;
  const runs = (await knownRuns(stateDir)).filter((run) => run.addin === name);
  for (const run of runs) output.info(runText(run, nowMs));
  const ended = await pastRuns(stateDir, { addin: name, limit: shownRuns, nowMs });
  if (ended[0] !== undefined) output.info(endText(ended[0], nowMs));
  const telling = await tellingRun(stateDir, name, { accounts, nowMs });
  const failure = failureText(telling, nowMs);
  if (failure !== null && telling?.id !== ended[0]?.id) output.info(failure);
  const runner = runnerOf(configuration);
  // What begins backups now ends with the fault, whatever it is; what is left may lack the schedule, or that it is off.
  if (configuration.faults.length > 0)
    output.info('no backup is made until the configuration is mended: see holdfast doctor');
  else if (!configuration.steering.enabled) output.info('backups are switched off: see holdfast schedule');
  else if (addin.schedule.length > 0) output.info(runnerText(runner));
  else output.info('nothing is scheduled: see holdfast schedule');
  const document = {
    runs: runs.map(({ id, state, startedAtMs, accounts, done, failed }) => {
      return { id, state, startedAt: new Date(startedAtMs).toISOString(), accounts, done, failed };
    }),
    ended: ended.map((run) => ({
      ...describePastRun(run),
      log: runLogFile(stateDir, run.startedAtMs, run.id),
    })),
    runner: runner.kind,
  };
  return { document, hasFailed: failure !== null };
}

function runText({ state, startedAtMs, ...far }: KnownRun, nowMs: number): string {
  const began = `that began ${agoText(nowMs - startedAtMs)}`;
  return state === 'running'
    ? `a run ${began} is under way: ${farText(far)}`
    : `a run ${began} was interrupted after about ${farText(far)}; run holdfast backup again`;
}

const endText = (run: PastRun, nowMs: number): string =>
  `${runWords(run)} ${run.id} ${agoText(nowMs - run.startedAtMs)}: exit status ${run.exitStatus}, ${countsText(run)}`;

const runnerText = ({ kind, pid }: Runner): string =>
  kind === 'daemon'
    ? `the daemon runs the schedule (process ${pid})`
    : kind === 'nothing'
      ? 'nothing runs the schedule: see holdfast schedule'
      : `the schedule is run by ${kind}`;
