/**
 * Tells notifiers when backups become overdue, and reminds once a day while they are.
 *
 * Looks once an hour, in a process of its own, with the command that monitoring uses: what both say is the
 * same. A silent absence is an alarm, so a look that cannot be made is one too.
 */

import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import type { Configuration } from '../../core/config/load-configuration.ts';
import { shownDetails } from '../../core/notify/message.ts';
import type { CliContext } from '../command.ts';
import { tell } from './tell.ts';

const execute = promisify(execFile);
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

interface AlarmParts {
  readonly server: string;
  readonly command: readonly string[];
}

export class Alarms {
  readonly #context: CliContext;
  readonly #parts: AlarmParts;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> = Promise.resolve();

  constructor(context: CliContext, parts: AlarmParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Returns at once. */
  look({ notify }: Configuration): void {
    const nowMs = this.#context.world.now();
    const wanted = notify.some(
      ({ use, on }) => (use === 'webhook' || use === 'mail') && on?.includes('alarm') !== false,
    );
    if (!wanted || Math.abs(nowMs - this.#lookedAtMs) < hourMs) return;
    this.#lookedAtMs = nowMs;
    this.#looking = this.#check(nowMs, notify).catch(() => {});
  }

  async ended(): Promise<void> {
    await this.#looking;
  }

  async #check(nowMs: number, notify: Configuration['notify']): Promise<void> {
    const { configDir, signal, output } = this.#context;
    const { server, command } = this.#parts;
    const [program, ...args] = [...command, '--config', configDir, 'status', '--check'];
    const options = { signal, timeout: hourMs, maxBuffer: 16 * 1024 * 1024 };
    let said: string;
    try {
      await execute(program!, args, options);
      this.#toldAtMs = Number.NEGATIVE_INFINITY;
      return;
    } catch (error) {
      const { code, stdout = '', message } = error as { code?: unknown; stdout?: string; message: string };
      if (signal.aborted || code === 1) return;
      said = stdout.trim() === '' ? message : stdout.trim();
    }
    if (nowMs - this.#toldAtMs < dayMs) return;
    this.#toldAtMs = nowMs;
    const details = shownDetails(said.split('\n').map((line) => line.replace(/ \|.*$/, '')));
    const about = { server, host: hostname(), addin: null, run: null, scheduled: false, atMs: nowMs };
    const none = { exitStatus: null, durationMs: null, figures: null };
    const failures = await tell(notify, { event: 'alarm', ...about, ...none, details }, this.#context);
    for (const failure of failures) output.note(`note: ${failure}`);
  }
}
