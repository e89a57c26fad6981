/** Ends a run of named accounts before it begins, where the configuration is for none of them. */

import type { State } from '../../core/state/state.ts';
import { BackUpPrinter } from '../backup-printer.ts';
import type { CliContext } from '../command.ts';
import { chooseAddin } from '../configuration.ts';
import { openPanel } from '../opened.ts';
import { openProgress } from '../progress.ts';
import type { RunAsked } from './run-parts.ts';
import { selectForRun } from './select-accounts.ts';

/** Whether nothing is to be done, which is then told: hooks and notifiers hear of runs that do something. */
export async function isForNone(
  context: CliContext,
  { loaded, chosen }: RunAsked,
  state: State,
): Promise<boolean> {
  const { world, output } = context;
  const { panel } = await openPanel(loaded, world);
  const { accounts } = await selectForRun(context, { ...loaded, panel, chosen }, state.sites());
  if (accounts.length > 0) return false;
  const [runId, nowMs] = [world.newObjectId().slice(0, 12), world.now()];
  const printer = new BackUpPrinter({
    output,
    now: world.now,
    total: 0,
    progress: await openProgress(output, world.now),
  });
  const { name } = chooseAddin(loaded.configuration, chosen.addin);
  const about = {
    addin: name,
    server: state.server.uuid,
    unmatched: [],
    copies: [],
    pruned: [],
    pastElsewhere: [],
    upkeepProblems: [],
    hookProblems: [],
  };
  printer.report({ runId, startedAtMs: nowMs, endedAtMs: nowMs, exitStatus: 0 }, about);
  return true;
}
