/** `holdfast serve`: runs schedules, until it is stopped. */

import type { Configuration } from '../../core/config/load-configuration.ts';
import { HoldfastError, isHoldfastError } from '../../core/errors.ts';
import { worseStatus } from '../../core/exit-status.ts';
import { printable } from '../../core/printable.ts';
import { Daemon } from '../../core/schedule/daemon.ts';
import { lockDaemon } from '../../core/state/daemon-lock.ts';
import type { CliCommand } from '../command.ts';
import { loadConfigured } from '../configuration.ts';
import { openStateOf } from '../opened.ts';
import { Alarms } from '../runs/alarms.ts';
import { tellInterrupted } from '../runs/interrupted.ts';
import { ourselves } from '../runs/run-process.ts';
import { runScheduled } from '../runs/run-scheduled.ts';

const everyMs = 15_000;

interface Options {
  readonly once?: true;
}

export const serve: CliCommand<Options> = {
  exits: ['DAEMON_RUNNING', 'PREREQUISITE_MISSING'],

  define(command) {
    command
      .option('--once', 'run what is owed now, then end: for a timer or cron')
      .addHelpText(
        'after',
        '\nEach run is a process of its own. SIGTERM stops the runs under way, which are begun again at the\nnext start. Changes of the configuration are seen within a minute; a broken one changes nothing.\nWith --once it ends with the status of the run that failed worst, or of one with warnings;\nanother one at work is no error: this one ends with 0.',
      );
  },

  async run(context, { options }) {
    const { output, world, signal } = context;
    const once = options.once === true;
    if (output.json) throw noDocument();
    let { configuration } = await loadConfigured(context.configDir);
    const { stateDir } = configuration;
    let lock: Awaited<ReturnType<typeof lockDaemon>>;
    try {
      lock = await lockDaemon(stateDir);
    } catch (error) {
      if (!once || !isHoldfastError(error) || error.code !== 'DAEMON_RUNNING') throw error;
      output.info(error.message);
      return 0;
    }
    try {
      const state = await openStateOf(configuration, world);
      for (const note of state.notes) output.note(`note: ${note}`);
      const seed = state.server.uuid;
      let broken = '';
      const configured = async (): Promise<Configuration> => {
        try {
          ({ configuration } = await loadConfigured(context.configDir));
          broken = '';
        } catch (error) {
          const message = isHoldfastError(error) ? error.message : String(error);
          if (message !== broken) output.note(`note: the configuration as it was stays in force: ${message}`);
          broken = message;
        }
        return configuration;
      };
      let worst = 0;
      const alarms = new Alarms(context, { server: seed, command: ourselves() });
      const daemon = new Daemon({
        stateDir,
        seed,
        now: world.now,
        signal,
        everyMs,
        scheduled: async () => {
          const now = await configured();
          alarms.look(now);
          await tellInterrupted(context, now, seed);
          return now.addins;
        },
        run: async (order) => {
          worst = worseStatus(worst, await runScheduled(context, { order, configuration, server: seed }));
        },
        onTrouble: (error) => alarms.trouble(error, configuration),
      });
      if (!once) output.info(`holdfast: running the schedules of ${printable(configuration.dir, 4096)}`);
      try {
        await daemon.serve({ once });
      } finally {
        await alarms.ended();
      }
      // Runs that were stopped with it are begun again.
      return once && !signal.aborted ? worst : 0;
    } finally {
      lock.release();
    }
  },
};

const noDocument = (): HoldfastError =>
  new HoldfastError('USAGE', 'serve has no document to print: its runs report to notifiers and logs', {
    hint: 'Leave out --json; holdfast status --json tells how runs ended.',
  });
