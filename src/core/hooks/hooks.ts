/**
 * The hooks of a configuration: which are for an event, what each is told, and what a failure means.
 *
 * A hook gets JSON on standard input and three variables; nothing that an account controls stands in its
 * arguments or its environment.
 */

import type { HookEvent, HookSettings } from '../config/operations-schema.ts';
import { HoldfastError } from '../errors.ts';
import { printable } from '../printable.ts';
import { runProgram } from './run-program.ts';

/** Version of what hooks are told; properties may be added. */
const hookContract = 1;

export interface HookFacts {
  /** Name of the addin configuration; null for a restore of which none is known. */
  readonly addin: string | null;
  readonly [name: string]: unknown;
}

export interface HookReport {
  readonly on: HookEvent;
  readonly command: readonly string[];
  readonly onFailure: HookSettings['onFailure'];
  readonly failure: string | null;
  readonly output: string;
  readonly tookMs: number;
}

export interface HookWorld {
  readonly now: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly onReport: (report: HookReport) => void;
}

export class Hooks {
  readonly #settings: readonly HookSettings[];
  readonly #world: HookWorld;
  /** Failures of hooks that say `warn`, so far. */
  warnings = 0;

  constructor(settings: readonly HookSettings[], world: HookWorld) {
    this.#settings = settings;
    this.#world = world;
  }

  /**
   * Runs the hooks of an event, one after the other. One that says `stop` ends the row.
   *
   * @throws HOOK_FAILED a hook that says `stop` failed
   */
  async at(event: HookEvent, facts: HookFacts): Promise<void> {
    const wanted = this.#settings.filter(
      ({ on, addins }) =>
        on === event && (addins === undefined || (facts.addin !== null && addins.includes(facts.addin))),
    );
    for (const settings of wanted) {
      const report = await this.#run(settings, facts);
      this.#world.onReport(report);
      if (report.failure === null || settings.onFailure === 'ignore') continue;
      if (settings.onFailure === 'warn') this.warnings += 1;
      else throw hookFailed(report);
    }
  }

  async #run(
    { on, command, timeoutSeconds, onFailure }: HookSettings,
    facts: HookFacts,
  ): Promise<HookReport> {
    const { now, env, signal } = this.#world;
    const startedAtMs = now();
    // What ends a run is told even after an interruption, within its time.
    const last = /^(failure|after-)/.test(on);
    const result = await runProgram({
      command,
      input: { hook: hookContract, event: on, ...facts },
      timeoutMs: timeoutSeconds * 1000,
      env: {
        PATH: env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: env['HOME'] ?? '/root',
        HOLDFAST_EVENT: on,
        HOLDFAST_ADDIN: facts.addin ?? '',
      },
      signal: last ? new AbortController().signal : signal,
    });
    return { on, command, onFailure, ...result, tookMs: now() - startedAtMs };
  }
}

export function hookFailed({ on, command, failure, output }: HookReport): HoldfastError {
  const said = output.trim() === '' ? '' : `: ${printable(output.trim(), 300)}`;
  const message = `the ${on} hook ${printable(command[0]!, 4096)} ${failure ?? ''}${said}`;
  return new HoldfastError('HOOK_FAILED', message, {
    hint: `Mend the program, or try it with holdfast hooks --test ${on}.`,
  });
}
