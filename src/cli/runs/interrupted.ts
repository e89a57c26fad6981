/**
 * Tells of runs that were killed, or cut off by a reboot, before they could report: by whoever comes next, a tick of
 * the schedule or another run. Each is told until somebody was reached.
 */

import { hostname } from 'node:os';
import type { Configuration } from '../../core/config/load-configuration.ts';
import { errorCodes } from '../../core/errors.ts';
import { claimTelling, type KnownRun, knownRuns, rememberTold } from '../../core/state/run-records.ts';
import type { CliContext } from '../command.ts';
import { plural } from '../format.ts';
import { tell } from './tell.ts';

/** Never fails: a run is not kept from its work by one before it. */
export async function tellInterrupted(
  context: CliContext,
  { stateDir, notify }: Pick<Configuration, 'stateDir' | 'notify'>,
  server: string,
): Promise<void> {
  const { output, world } = context;
  for (const run of await knownRuns(stateDir)) {
    const mine = run.silent && (await claimTelling(stateDir, run.id, world.now()).catch(() => false));
    if (!mine) continue;
    const text = interruptedText(run);
    output.note(`note: ${text}`);
    const notification = {
      event: 'failure',
      server,
      host: hostname(),
      addin: run.addin,
      run: run.id,
      scheduled: run.scheduled === true,
      atMs: world.now(),
      exitStatus: errorCodes.INTERRUPTED.exit,
      durationMs: null,
      figures: null,
      details: [text],
    } as const;
    const { reached, failures } = await tell(notify, notification, context);
    for (const failure of failures) output.note(`note: ${failure}`);
    // Without a network, as after a reboot, whoever comes later tells it.
    if (reached || failures.length === 0) await rememberTold(stateDir, run.id).catch(() => {});
  }
}

export const interruptedText = (run: KnownRun): string =>
  `a run of ${run.addin} that began at ${new Date(run.startedAtMs).toISOString()} was interrupted after about ${farText(run)}`;

/** How far it came. */
export const farText = ({ done, failed, accounts }: Pick<KnownRun, 'done' | 'failed' | 'accounts'>): string =>
  `${done} of ${plural(accounts, 'account')}${failed === 0 ? '' : `, ${failed} of them failed`}`;
