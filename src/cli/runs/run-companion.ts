/**
 * What goes with a backup run beside the backup itself: hooks, notifiers, the log, the record of its end.
 *
 * None of it can lose a snapshot: what fails here is a warning, or an exit status, never a stop of what is
 * under way. Only hooks that say so keep things from being done.
 */

import { hostname } from 'node:os';
import type { AddinConfiguration, Configuration } from '../../core/config/load-configuration.ts';
import { errorCodes } from '../../core/errors.ts';
import { isFailure } from '../../core/exit-status.ts';
import { type HookReport, Hooks } from '../../core/hooks/hooks.ts';
import type { Account, Notification, RequestedLevel, RunFigures } from '../../core/index.ts';
import type { AccountSteps } from '../../core/jobs/backup/account-steps.ts';
import type { AccountOutcome } from '../../core/jobs/backup/back-up.ts';
import { shownDetails } from '../../core/notify/message.ts';
import { rememberRun } from '../../core/state/run-history.ts';
import { knownError } from '../../core/system-error.ts';
import type { CliContext } from '../command.ts';
import { makeGate } from './gate.ts';
import { HookFailures } from './hook-failures.ts';
import { RunTotals } from './run-figures.ts';
import { RunLog } from './run-log.ts';
import { tell } from './tell.ts';
import type { UpkeepResult } from './upkeep.ts';

export interface RunAbout {
  readonly configuration: Configuration;
  readonly addin: AddinConfiguration;
  readonly server: string;
  readonly level: RequestedLevel;
  readonly scheduled: boolean;
  readonly untilMs: number | null;
}

export class RunCompanion implements AccountSteps {
  readonly runId: string;
  readonly budget: RunAbout['addin']['budget'];
  readonly #about: RunAbout;
  readonly #context: CliContext;
  readonly #log: RunLog;
  readonly #hooks: Hooks;
  readonly #gate: () => Promise<void>;
  readonly #startedAtMs: number;
  readonly #totals = new RunTotals();
  /** That the run is to back up; none before they are looked up. */
  #accounts = 0;
  readonly hookFailures: HookFailures;
  /** No before-run hook has kept it from beginning: what they did is to be undone. */
  #begun = false;
  #concluded = false;

  private constructor(
    context: CliContext,
    about: RunAbout,
    parts: { runId: string; log: RunLog; startedAtMs: number },
  ) {
    const { world, signal } = context;
    const { limits, hooks } = about.configuration;
    this.runId = parts.runId;
    this.budget = about.addin.budget;
    this.#about = about;
    this.#context = context;
    this.#log = parts.log;
    this.#startedAtMs = parts.startedAtMs;
    const { now, env } = world;
    this.hookFailures = new HookFailures((text) => context.output.note(text));
    const onReport = (report: HookReport): void => {
      this.#log.hook(report);
      this.hookFailures.ran(report);
    };
    this.#hooks = new Hooks(hooks, { now, env, signal, onReport });
    const maxLoad = limits.maxLoad ?? null;
    this.#gate = makeGate({ untilMs: about.untilMs, maxLoad, now, signal });
  }

  static async #open(context: CliContext, about: RunAbout, startedAtMs: number): Promise<RunCompanion> {
    const { now, newObjectId } = context.world;
    const runId = newObjectId().slice(0, 12);
    const log = await RunLog.open(about.configuration.stateDir, { id: runId, startedAtMs, now });
    const { addin, level, scheduled } = about;
    log.info('run begins', { addin: addin.name, wants: level, scheduled });
    return new RunCompanion(context, about, { runId, log, startedAtMs });
  }

  /**
   * To be called before the store, the panel and the databases are opened: what is wrong with them is told.
   * @throws HOOK_FAILED a before-run hook says that there is to be no run; that has been told
   */
  static async begin(context: CliContext, about: RunAbout): Promise<RunCompanion> {
    const companion = await RunCompanion.#open(context, about, context.world.now());
    try {
      await companion.#notify('start', null, []);
      await companion.#hooks.at('before-run', companion.#facts());
      companion.#begun = true;
    } catch (error) {
      await companion.failed(error);
      throw error;
    }
    return companion;
  }

  /** For a run whose process could not begin, or came to its end before it could say so itself. */
  static async unreported(
    context: CliContext,
    about: RunAbout,
    { startedAtMs, exitStatus, problem }: { startedAtMs: number; exitStatus: number; problem: string },
  ): Promise<void> {
    const companion = await RunCompanion.#open(context, about, startedAtMs);
    companion.#log.warn(problem);
    await companion.#conclude(exitStatus, [problem]);
  }

  selected(accounts: number): void {
    this.#accounts = accounts;
    this.#log.info('accounts selected', { accounts });
  }

  async mayBegin(): Promise<void> {
    await this.#gate();
  }

  async before(step: 'account' | 'export' | 'upload', account: Account): Promise<void> {
    // Since it was begun an account may have waited for others to be read.
    if (step === 'export') await this.#gate();
    await this.#hooks.at(`before-${step}`, this.#facts(account));
  }

  async after(step: 'export', account: Account): Promise<void> {
    await this.#hooks.at(`after-${step}`, this.#facts(account));
  }

  said(account: Account, component: string, text: string): void {
    this.#log.said(account, component, text);
  }

  async ended(outcome: AccountOutcome): Promise<void> {
    this.#totals.add(outcome);
    this.#log.account(outcome);
    const { account, snapshot, error } = outcome;
    const facts = {
      ...this.#facts(account),
      snapshot: snapshot?.header.id ?? null,
      state: snapshot?.header.state ?? null,
      error: error === null ? null : { code: error.code, message: error.message },
    };
    if (snapshot !== null) await this.#late('after-upload', facts);
    await this.#late('after-account', facts);
  }

  /** The exit status of the process, hooks included. What went wrong in the upkeep is for those who are told, too. */
  async end(status: number, { problems, pruned }: Omit<UpkeepResult, 'exitStatus'>): Promise<number> {
    for (const one of pruned) this.#log.info('snapshots removed', { ...one });
    for (const problem of problems) this.#log.warn(problem);
    await this.#late('after-run', { ...this.#facts(), exitStatus: status, ...this.#figures() });
    let exitStatus = status;
    if (this.hookFailures.late && !isFailure(status)) exitStatus = errorCodes.HOOK_FAILED.exit;
    else if (status === 0 && this.#hooks.warnings > 0) exitStatus = errorCodes.FINISHED_WITH_WARNINGS.exit;
    await this.#conclude(exitStatus, [...this.#totals.problems, ...problems]);
    return exitStatus;
  }

  /** The run ended before its accounts did: the store is unreachable, a secret is missing. */
  async failed(error: unknown): Promise<void> {
    if (this.#concluded) return;
    const known = knownError(error);
    const exitStatus = this.#context.signal.aborted
      ? errorCodes.INTERRUPTED.exit
      : errorCodes[known?.code ?? 'INTERNAL'].exit;
    const message = known === null ? 'it failed in an unforeseen way' : `${known.code}: ${known.message}`;
    this.#log.warn(message);
    if (this.#begun) await this.#late('after-run', { ...this.#facts(), exitStatus, ...this.#figures() });
    await this.#conclude(exitStatus, [message]);
  }

  async #conclude(exitStatus: number, problems: readonly string[]): Promise<void> {
    this.#concluded = true;
    if (isFailure(exitStatus)) {
      const said = shownDetails([...problems, ...this.hookFailures.problems]);
      await this.#late('failure', { ...this.#facts(), exitStatus, problems: said });
    }
    const event = isFailure(exitStatus) ? 'failure' : exitStatus === 0 ? 'success' : 'warning';
    await this.#notify(event, exitStatus, [...problems, ...this.hookFailures.problems]);
    const { configuration, addin, level, scheduled } = this.#about;
    const { now } = this.#context.world;
    const { snapshots, partial, failed } = this.#figures();
    this.#log.info('run ended', { exitStatus, snapshots, partial, failed });
    const { stateDir, keepRunsDays } = configuration;
    const times = { startedAtMs: this.#startedAtMs, endedAtMs: now() };
    const counts = { accounts: this.#accounts, snapshots, partial, failed };
    const past = { id: this.runId, addin: addin.name, level, scheduled, ...times, exitStatus, ...counts };
    const unkept = await rememberRun(stateDir, past, { days: keepRunsDays, nowMs: now() });
    if (unkept !== null) this.#context.output.note(`warning: no record of this run could be kept: ${unkept}`);
  }

  /** A hook that can stop nothing any more: its failure is one of the run. */
  async #late(
    event: 'after-upload' | 'after-account' | 'after-run' | 'failure',
    facts: HookFactsOfRun,
  ): Promise<void> {
    try {
      await this.#hooks.at(event, facts);
    } catch (error) {
      this.hookFailures.cameTooLate(event, error);
    }
  }

  async #notify(
    event: Notification['event'],
    exitStatus: number | null,
    problems: readonly string[],
  ): Promise<void> {
    const { configuration, addin, server, scheduled } = this.#about;
    const { world, output } = this.#context;
    const atMs = world.now();
    const ended = exitStatus !== null;
    const notification: Notification = {
      event,
      server,
      host: hostname(),
      addin: addin.name,
      run: this.runId,
      scheduled,
      atMs,
      exitStatus,
      durationMs: ended ? atMs - this.#startedAtMs : null,
      figures: ended ? this.#figures() : null,
      details: shownDetails(problems),
    };
    for (const failure of (await tell(configuration.notify, notification, this.#context)).failures) {
      this.#log.warn(failure);
      output.note(`note: ${failure}`);
    }
  }

  #facts(account?: Account): HookFactsOfRun {
    const { addin, level, scheduled, server } = this.#about;
    const facts = { addin: addin.name, run: this.runId, server, level, scheduled };
    if (account === undefined) return facts;
    const { site, domain, plan, state } = account;
    return { ...facts, account: { site, domain, plan, state } };
  }

  #figures(): RunFigures {
    return this.#totals.figures(this.#accounts);
  }
}

type HookFactsOfRun = { readonly addin: string; readonly [name: string]: unknown };
