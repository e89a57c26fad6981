/** `holdfast backup`: one run of an addin configuration over its accounts. */

import { Option } from 'commander';
import { HoldfastError } from '../../core/errors.ts';
import { type AccountLock, awaitRun, lockRun } from '../../core/jobs/account-lock.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { collected } from '../command.ts';
import { chooseAddin, loadConfigured } from '../configuration.ts';
import { openStateOf } from '../opened.ts';
import type { Begun } from '../runs/begun-run.ts';
import { instantGiven, type RunAsked, type RunOptions, withOpened, withStore } from '../runs/run-parts.ts';

export const backup: CliCommand<RunOptions> = {
  exits: [
    'PREREQUISITE_MISSING',
    'BACKUPS_DISABLED',
    'RECIPIENTS_UNUSABLE',
    'ACCOUNT_LOCKED',
    'RUN_UNDER_WAY',
    'ACCOUNT_NOT_FOUND',
    'PANEL_UNREADABLE',
    'SNAPSHOT_PARTIAL',
    'RUN_FAILED',
    'COPY_FAILED',
    'HOOK_FAILED',
    'WINDOW_CLOSED',
    'STORE_UNAVAILABLE',
    'STORE_FULL',
    'STORE_DENIED',
    'STORE_FOREIGN',
    'STORE_ENCRYPTED',
    'FINISHED_WITH_WARNINGS',
  ],

  define(command) {
    command
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option(
        '--account <account>',
        'site, domain or UUID; may be repeated (default: those of the configuration)',
        collected,
      )
      .addOption(
        new Option('--level <level>', 'what to store anew')
          .choices(['full', 'differential', 'incremental', 'auto'])
          .default('auto'),
      )
      .option('--checksum', 'read every file, also those that seem unchanged')
      .option(
        '--allow-plaintext',
        'with "encryption": "none": make plain backups although the store holds encrypted ones, of this server or, before its first backup, of others',
      )
      .option(
        '--selected',
        'of the accounts named, only those that the configuration selects and that no policy sends elsewhere; there may be none',
      )
      .option('--scheduled', 'the schedule begins it: notifiers of scheduled runs are told')
      .option('--until <instant>', 'begin no account from then on (ISO 8601)', instantGiven)
      .option(
        '--dry-run',
        'show accounts, levels, databases and exclusions, and what would fail; write nothing',
      );
  },

  async run(context, { options: chosen }) {
    const { world, configDir } = context;
    const loaded = await loadConfigured(configDir);
    chooseAddin(loaded.configuration, chosen.addin);
    if (!loaded.configuration.steering.enabled) throw disabled();
    const { bandwidth } = loaded.configuration.limits;
    const limited = bandwidth === undefined ? world : { ...world, wrapStore: await limitedTo(bandwidth) };
    if (chosen.dryRun !== true) return run({ ...context, world: limited }, { loaded, chosen });
    const { dryRun } = await import('../backup-plan.ts');
    return withStore(limited, { loaded, chosen }, (store) =>
      withOpened(limited, { loaded, chosen, ...store }, (parts) => dryRun(context, parts)),
    );
  },
};

/** Threads load while the store, the panel and the state are asked; the rest of the program while the store begins to. */
async function run(context: CliContext, { loaded, chosen }: RunAsked): Promise<number> {
  const { world, output } = context;
  const { configuration } = loaded;
  const addin = chooseAddin(configuration, chosen.addin);
  const { takePool } = await import('../early-pool.ts');
  const pool = takePool(world.now);
  let lock: AccountLock | null = null;
  try {
    const state = await openStateOf(configuration, world);
    for (const note of state.notes) output.note(`note: ${note}`);
    if (chosen.scheduled === true) lock = await awaitRun(configuration.stateDir, addin.name, context.signal);
    else if (chosen.account === undefined) lock = lockRun(configuration.stateDir, addin.name);
    else if (chosen.selected === true) {
      const { isForNone } = await import('../runs/nothing-to-do.ts');
      if (await isForNone(context, { loaded, chosen }, state)) return 0;
    }
    const begin = async (): Promise<Begun> => {
      const { begunRun } = await import('../runs/begun-run.ts');
      return begunRun(context, { loaded, chosen, pool, state });
    };
    // A before-run hook may be what makes the store reachable; without one, it answers while the log is opened.
    const hooked = configuration.hooks.some(({ on }) => on === 'before-run') ? await begin() : null;
    return await withStore(world, { loaded, chosen }, async (store) => (hooked ?? (await begin()))(store));
  } finally {
    lock?.release();
    await pool.close();
  }
}

const disabled = (): HoldfastError =>
  new HoldfastError('BACKUPS_DISABLED', 'backups are switched off by the scope backups.enabled', {
    hint: 'Run holdfast scope set backups.enabled true.',
  });

const limitedTo = async (bytesPerSecond: number) =>
  (await import('../../core/jobs/limit-bandwidth.ts')).bandwidthLimit(bytesPerSecond);
