/** The log of one run: JSON Lines in the state, written as things happen, so that a killed run has one too. */

import type { Logger } from 'pino';
import type { HookReport } from '../../core/hooks/hooks.ts';
import type { Account } from '../../core/index.ts';
import type { AccountOutcome } from '../../core/jobs/backup/back-up.ts';
import { printable } from '../../core/printable.ts';
import { runLogPath } from '../../core/state/run-history.ts';
import { warnedPlace } from '../entry-view.ts';

/** A thousand warnings of an account each night are half a megabyte at most. */
const longestPlace = 500;

export class RunLog {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  static async open(
    stateDir: string,
    {
      id,
      startedAtMs,
      now,
    }: { readonly id: string; readonly startedAtMs: number; readonly now: () => number },
  ): Promise<RunLog> {
    const dest = await runLogPath(stateDir, startedAtMs, id);
    const { default: pino } = await import('pino');
    const timestamp = (): string => `,"time":"${new Date(now()).toISOString()}"`;
    const options = { base: { run: id }, timestamp, formatters: { level: (level: string) => ({ level }) } };
    const destination = pino.destination({ dest, sync: true, mode: 0o600 });
    // No room for a log is no reason to make no backup, nor to keep silent about why there is none.
    destination.on('error', () => {});
    return new RunLog(pino(options, destination));
  }

  info(message: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.#logger.info(facts, message);
  }

  warn(message: string): void {
    this.#logger.warn(printable(message, 2000));
  }

  /** What a client printed on standard error while all went well. */
  said({ site }: Account, component: string, text: string): void {
    this.#logger.info({ site: printable(site), component: printable(component) }, `client says: ${text}`);
  }

  account({ account, snapshot, error }: AccountOutcome): void {
    const about = { site: printable(account.site), domain: printable(account.domain ?? '') };
    if (error !== null) {
      this.#logger.error({ ...about, code: error.code }, printable(error.message, 2000));
      return;
    }
    const { state, level, id } = snapshot.header;
    const { warnings: told, warningCounts: warnings, components } = snapshot.body;
    // An encrypted manifest cannot be read here: this is where people look what a warning was about.
    for (const warning of told) {
      const place = warnedPlace(warning).slice(0, longestPlace);
      this.#logger.warn({ ...about, code: warning.code, place }, printable(warning.message, 500));
    }
    const failed = components.flatMap(({ name, error: why }) =>
      why === undefined
        ? []
        : [{ name: printable(name), code: why.code, message: printable(why.message, 2000) }],
    );
    const severity = state === 'complete' ? 'info' : 'error';
    this.#logger[severity]({ ...about, snapshot: id, state, made: level, warnings, failed }, 'account done');
  }

  hook({ on, command, failure, output, tookMs }: HookReport): void {
    const facts = { hook: on, program: printable(command[0] ?? '', 4096), tookMs };
    const said = printable(output.trim(), 4000);
    if (failure === null) this.#logger.info({ ...facts, output: said }, 'hook done');
    else this.#logger.warn({ ...facts, output: said }, `hook ${failure}`);
  }
}
