/**
 * What a run keeps of accounts that are done: a few numbers and the keys of manifests, so that ten thousand of
 * them cost no memory to speak of. Everything else goes out with the event and is forgotten.
 */

import { errorCodes, exitStatusOf } from '../../errors.ts';
import { type NewestFindings, rememberNewestFindings } from '../../state/newest-findings.ts';
import type { AccountOutcome, BackUpRun } from './back-up.ts';

const keepEveryMs = 600_000;

export class RunTally {
  readonly manifests: string[] = [];
  /** By the account's UUID. */
  readonly newest = new Map<string, NewestFindings>();
  failed = 0;
  readonly #run: string;
  /** When it was written, or the run began. */
  #keptAtMs: number | null = null;
  #lost = 0;
  #partial = 0;
  #warned = 0;

  constructor(run: string) {
    this.#run = run;
  }

  add(outcome: AccountOutcome): void {
    if (outcome.error === null) {
      const { key, header, body } = outcome.snapshot;
      const findings = (body.findings ?? []).map(({ code, message }) => ({ code, message }));
      this.manifests.push(key);
      const complete = header.state === 'complete' ? { completeKey: key } : {};
      const took = Date.parse(header.committedAt) - Date.parse(header.startedAt);
      const duration = took < 0 ? {} : { durationMs: took };
      const about = { id: header.id, key, ...complete, run: this.#run, ...duration };
      this.newest.set(header.owner, { ...about, findings });
    } else this.failed += 1;
    const status = statusOf(outcome);
    if (outcome.error === null && status === errorCodes.SNAPSHOT_PARTIAL.exit) this.#partial = status;
    else if (status > 0 && status < 100) this.#lost ||= status;
    else this.#warned = Math.max(this.#warned, status);
  }

  /** Does something now and then only, and never fails: a run that is killed later has not found it all in vain. */
  async keepMeanwhile({
    stateDir,
    addin,
    world,
  }: Pick<BackUpRun, 'stateDir' | 'addin' | 'world'>): Promise<void> {
    const nowMs = world.now();
    this.#keptAtMs ??= nowMs;
    if (Math.abs(nowMs - this.#keptAtMs) < keepEveryMs) return;
    this.#keptAtMs = nowMs;
    await rememberNewestFindings(stateDir, addin.id, this.newest).catch(() => {});
  }

  /** Writes what was found into the state; null, or why it cannot, which is a warning. */
  async keep(stateDir: string, addinId: string): Promise<string | null> {
    try {
      await rememberNewestFindings(stateDir, addinId, this.newest);
      return null;
    } catch (error) {
      this.#warned = Math.max(this.#warned, errorCodes.FINISHED_WITH_WARNINGS.exit);
      return (error as Error).message;
    }
  }

  /** Errors outrank warnings, warnings outrank success; among errors a lost account outranks a partial one. */
  get exitStatus(): number {
    return this.#lost || this.#partial || this.#warned;
  }
}

/** Exit status of one account: its error's, that of a partial snapshot, of warnings, or 0. */
function statusOf(outcome: AccountOutcome): number {
  if (outcome.error !== null) return exitStatusOf(outcome.error);
  const { header, body } = outcome.snapshot;
  if (header.state === 'partial') return errorCodes.SNAPSHOT_PARTIAL.exit;
  return Object.keys(body.warningCounts).length > 0 ? errorCodes.FINISHED_WITH_WARNINGS.exit : 0;
}
