/** A backup run that has begun, from the choice of its accounts to its report. */

import { strayHooks } from '../../core/config/operations.ts';
import { policyOf } from '../../core/config/policy.ts';
import { isHoldfastError } from '../../core/errors.ts';
import { statusWithLater } from '../../core/exit-status.ts';
import type { CapturePool } from '../../core/jobs/capture/pool.ts';
import { statusWithCopies } from '../../core/jobs/copy/report.ts';
import type { State } from '../../core/state/state.ts';
import { BackUpPrinter } from '../backup-printer.ts';
import type { CliContext } from '../command.ts';
import { chooseAddin } from '../configuration.ts';
import { dropReplaced } from '../drop-replaced.ts';
import { importsEnder } from '../end-imports.ts';
import { noteKeyWarnings } from '../key-warnings.ts';
import { addinId } from '../opened.ts';
import { ownDirectories } from '../own-directories.ts';
import { withPanelExport } from '../panel-export.ts';
import { panelExports, twiceHint, twiceMessage } from '../panel-exports.ts';
import { openProgress } from '../progress.ts';
import { copyAll } from './copy-all.ts';
import { tellInterrupted } from './interrupted.ts';
import { pastAtFirst, withPast } from './past-at-first.ts';
import { RunCompanion } from './run-companion.ts';
import { type RunAsked, type RunParts, type StoreOpening, withOpened } from './run-parts.ts';
import { selectForRun } from './select-accounts.ts';
import { doUpkeep } from './upkeep.ts';

interface BegunParts extends RunAsked {
  readonly pool: CapturePool;
  readonly state: State;
}

/** The rest of the run, for a store that opens meanwhile. Resolves with the exit status. */
export type Begun = (store: StoreOpening) => Promise<number>;

/**
 * Begins the log, tells notifiers and runs the before-run hooks.
 *
 * @throws HOOK_FAILED a before-run hook says that there is to be no run; that has been told
 */
export async function begunRun(context: CliContext, { pool, state, ...asked }: BegunParts): Promise<Begun> {
  const { loaded, chosen } = asked;
  const { configuration } = loaded;
  await tellInterrupted(context, configuration, state.server.uuid);
  const companion = await RunCompanion.begin(context, {
    configuration,
    addin: chooseAddin(configuration, chosen.addin),
    server: state.server.uuid,
    level: chosen.level,
    scheduled: chosen.scheduled === true,
    untilMs: chosen.until ?? null,
  });
  return async (store) => {
    try {
      return await withOpened(context.world, { ...asked, ...store }, (parts) =>
        runWith(context, { ...parts, pool, state, companion }),
      );
    } catch (error) {
      // What an after-run hook puts away is not to be in use.
      await store.closeStore();
      await companion.failed(error);
      throw error;
    }
  };
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
