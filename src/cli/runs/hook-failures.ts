/** Hooks of a run that failed and stopped nothing: each is said once, however many accounts it failed for. */

import { isHoldfastError } from '../../core/errors.ts';
import { type HookReport, hookFailed } from '../../core/hooks/hooks.ts';

export class HookFailures {
  readonly #note: (text: string) => void;
  /** What was said first, and how often it failed, by event and program. */
  readonly #failures = new Map<string, { readonly message: string; readonly times: number }>();

  constructor(note: (text: string) => void) {
    this.#note = note;
  }

  /** One that says `stop` came too late to stop anything: its failure is one of the run. */
  late = false;

  /** As sentences; those whose failures are to be ignored are left out. */
  get problems(): readonly string[] {
    return [...this.#failures.values()].map(({ message, times }) =>
      times === 1 ? message : `${message} (${times} times)`,
    );
  }

  ran(report: HookReport): void {
    const { on, command, onFailure, failure } = report;
    if (failure !== null && onFailure === 'warn') this.#add(`${on} ${command.join(' ')}`, hookFailed(report));
  }

  cameTooLate(event: string, error: unknown): void {
    if (!isHoldfastError(error)) throw error;
    this.late = true;
    this.#add(event, error);
  }

  #add(key: string, { message }: { readonly message: string }): void {
    const known = this.#failures.get(key);
    this.#failures.set(key, { message, ...known, times: (known?.times ?? 0) + 1 });
    if (known === undefined) this.#note(`warning: ${message}`);
  }
}
