/** `holdfast backup`: one run of an addin configuration over its accounts. */

import { Option } from 'commander';
import { strayHooks } from '../../core/config/operations.ts';
import { policyOf } from '../../core/config/policy.ts';
import { HoldfastError, isHoldfastError } from '../../core/errors.ts';
import { statusWithLater } from '../../core/exit-status.ts';
import { type AccountLock, awaitRun, lockRun } from '../../core/jobs/account-lock.ts';
import type { CapturePool } from '../../core/jobs/capture/pool.ts';
import { statusWithCopies } from '../../core/jobs/copy/report.ts';
import type { State } from '../../core/state/state.ts';
import { BackUpPrinter } from '../backup-printer.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { collected } from '../command.ts';
import { chooseAddin, loadConfigured } from '../configuration.ts';
import { dropReplaced } from '../drop-replaced.ts';
import { importsEnder } from '../end-imports.ts';
import { noteKeyWarnings } from '../key-warnings.ts';
import { addinId, openStateOf } from '../opened.ts';
import { ownDirectories } from '../own-directories.ts';
import { withPanelExport } from '../panel-export.ts';
import { panelExports, twiceHint, twiceMessage } from '../panel-exports.ts';
import { openProgress } from '../progress.ts';
import { copyAll } from '../runs/copy-all.ts';
import { tellInterrupted } from '../runs/interrupted.ts';
import { isForNone } from '../runs/nothing-to-do.ts';
import { pastAtFirst, withPast } from '../runs/past-at-first.ts';
import { RunCompanion } from '../runs/run-companion.ts';
import {
  instantGiven,
  type RunAsked,
  type RunOptions,
  type RunParts,
  withOpened,
  withStore,
} from '../runs/run-parts.ts';
import { selectForRun } from '../runs/select-accounts.ts';
import { doUpkeep } from '../runs/upkeep.ts';

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

/** Threads load while the store, the panel and the state are asked. */
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
    else if (chosen.selected === true && (await isForNone(context, { loaded, chosen }, state))) return 0;
    const begin = async (): Promise<RunCompanion> => {
      await tellInterrupted(context, configuration, state.server.uuid);
      return RunCompanion.begin(context, {
        configuration,
        addin,
        server: state.server.uuid,
        level: chosen.level,
        scheduled: chosen.scheduled === true,
        untilMs: chosen.until ?? null,
      });
    };
    // A before-run hook may be what makes the store reachable; without one, it answers while the log is opened.
    const hooked = configuration.hooks.some(({ on }) => on === 'before-run') ? await begin() : null;
    return await withStore(world, { loaded, chosen }, async (store) => {
      const companion = hooked ?? (await begin());
      try {
        return await withOpened(world, { loaded, chosen, ...store }, (parts) =>
          runWith(context, { ...parts, pool, state, companion }),
        );
      } catch (error) {
        // What an after-run hook puts away is not to be in use.
        await store.closeStore();
        await companion.failed(error);
        throw error;
      }
    });
  } finally {
    lock?.release();
    await pool.close();
  }
}

interface BegunRun extends RunParts {
  readonly pool: CapturePool;
  readonly state: State;
  readonly companion: RunCompanion;
}

async function runWith(
  context: CliContext,
  { pool, state, companion, loaded, opening, closeStore, panel, panelRef, engines, chosen }: BegunRun,
): Promise<number> {
  const { world, output, signal } = context;
  const { configuration } = loaded;
  const selected = await selectForRun(context, { ...loaded, panel, chosen }, state.sites());
  pool.start(Math.min(selected.accounts.length, configuration.concurrency));
  companion.selected(selected.accounts.length);
  for (const { on, message, hint } of strayHooks(configuration))
    output.note(`warning: the ${on} hook ${message}; ${hint}`);
  const { twice, problem } = await panelExports(context, loaded);
  if (twice === true) output.note(`warning: ${twiceMessage}; ${twiceHint}`);
  if (problem !== null) output.note(`warning: ${problem}`);
  const { backUp } = await import('../../core/jobs/backup/back-up.ts');
  const opened = await opening;
  const past = await pastAtFirst(context, configuration, { opened, state, accounts: selected.accounts });
  const printer = new BackUpPrinter({
    output,
    now: world.now,
    total: selected.accounts.length,
    progress: await openProgress(output, world.now),
  });
  const addin = { ...opened, id: addinId(state.server.uuid, opened.name) };
  const configured = chooseAddin(configuration, chosen.addin);
  try {
    const report = await backUp({
      addin,
      panelRef,
      accounts: selected.accounts,
      engines: await withPanelExport(configuration, engines, selected.accounts, world),
      state,
      stateDir: configuration.stateDir,
      trustedSigners: configuration.trustedSigners,
      level: chosen.level,
      checksum: chosen.checksum === true,
      allowPlaintext: chosen.allowPlaintext === true,
      concurrency: configuration.concurrency,
      lockWaitMs: configuration.lockWaitMinutes * 60_000,
      exportsTwice: twice === true,
      endImports: importsEnder(context, loaded),
      fullEveryDays: (account) => policyOf(account, configuration).fullEveryDays.value,
      pool,
      world,
      signal,
      onEvent: (event) => printer.event(event),
      runId: companion.runId,
      scheduled: chosen.scheduled === true,
      whole: chosen.account === undefined,
      own: ownDirectories(loaded),
      steps: companion,
    });
    // Nothing more is captured: the threads end while the rest is done. Who has made the pool waits for them.
    void pool.close();
    if (!signal.aborted) await dropReplaced(context, loaded);
    const copies = signal.aborted ? [] : await copyAll(context, { loaded, addin, state, printer, chosen });
    const upkeep = await doUpkeep(context, { configuration, addin: configured, chosen, copies });
    const later = withPast(upkeep, past);
    const status = statusWithLater(statusWithCopies(report.exitStatus, copies), later.exitStatus);
    await closeStore();
    const exitStatus = await companion.end(status, later);
    await noteKeyWarnings(output, configured, configuration.stateDir, state);
    const { problems: upkeepProblems, pruned } = upkeep;
    const about = { addin: opened.name, server: state.server.uuid, unmatched: selected.unmatched };
    const what = { pastElsewhere: past.servers, copies, pruned, upkeepProblems };
    printer.report(
      { ...report, exitStatus, endedAtMs: world.now() },
      { ...about, ...what, hookProblems: companion.hookFailures.problems },
    );
    return exitStatus;
  } catch (error) {
    if (isHoldfastError(error) && error.code === 'STORE_FULL' && !signal.aborted) {
      // Nobody else makes room before the next night. What the copies lack they get first.
      const copies = await copyAll(context, { loaded, addin, state, printer, chosen });
      await doUpkeep(context, { configuration, addin: configured, chosen, copies, makesRoom: true });
    }
    throw error;
  } finally {
    printer.close();
  }
}

const disabled = (): HoldfastError =>
  new HoldfastError('BACKUPS_DISABLED', 'backups are switched off by the scope backups.enabled', {
    hint: 'Run holdfast scope set backups.enabled true.',
  });

const limitedTo = async (bytesPerSecond: number) =>
  (await import('../../core/jobs/limit-bandwidth.ts')).bandwidthLimit(bytesPerSecond);
