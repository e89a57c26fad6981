/**
 * One run that the schedule begins: waited for, and told of where it came to its end without a word.
 *
 * A run tells of itself from the moment its configuration is read. Before that, or where its process cannot
 * be started at all, nobody else can.
 */

import type { Configuration } from '../../core/config/load-configuration.ts';
import { errorCodes } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { RunOrder } from '../../core/schedule/schedule.ts';
import { pastRuns } from '../../core/state/run-history.ts';
import { knownRuns } from '../../core/state/run-records.ts';
import type { CliContext } from '../command.ts';
import { chooseAddin } from '../configuration.ts';
import { tellInterrupted } from './interrupted.ts';
import { RunCompanion } from './run-companion.ts';
import { runProcess } from './run-process.ts';

export interface ScheduledRun {
  readonly order: RunOrder;
  readonly configuration: Configuration;
  readonly server: string;
}

/** Resolves when the run has ended, however it did, with its exit status; INTERNAL where it has none. */
export async function runScheduled(
  context: CliContext,
  { order, configuration, server }: ScheduledRun,
): Promise<number> {
  const { output, world, signal, configDir } = context;
  const { stateDir, limits } = configuration;
  const { addin, level } = order.item;
  const startedAtMs = world.now();
  output.info(`${addin}: begins, ${level}, for ${new Date(order.forMs).toISOString()}`);
  const end = await runProcess({ order, configDir, limits, signal });
  const how = end.failure ?? end.signal ?? `status ${end.status}`;
  output.info(`${addin}: ended, ${how}`);
  const exitStatus = end.status ?? errorCodes.INTERNAL.exit;
  if (signal.aborted || exitStatus === 0) return exitStatus;
  // Others of the configuration, begun by hand or by the panel, may have begun and ended meanwhile.
  const since = { addin, scheduled: true, sinceMs: startedAtMs, limit: 1, nowMs: world.now() };
  if ((await pastRuns(stateDir, since)).length > 0) return exitStatus;
  // If it had begun, its record says how far it was.
  const runs = await knownRuns(stateDir);
  if (runs.some((one) => one.silent && one.addin === addin && one.startedAtMs >= startedAtMs)) {
    await tellInterrupted(context, configuration, server);
    return exitStatus;
  }
  const about = { configuration, addin: chooseAddin(configuration, addin), server, level };
  const problem = `the run ended before it could report: ${how}`;
  await RunCompanion.unreported(
    context,
    { ...about, scheduled: true, untilMs: order.untilMs },
    { startedAtMs, exitStatus, problem },
  ).catch((error: unknown) => output.note(`note: that cannot be told: ${printable(String(error), 300)}`));
  return exitStatus;
}
