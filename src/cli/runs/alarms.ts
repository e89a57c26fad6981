/**
 * Tells notifiers when backups become overdue, and reminds once a day while they are; each hour, where nobody was reached.
 *
 * Looks once an hour, whether a daemon stays or a timer begins one every few minutes; in a process of its own, with the
 * command that monitoring uses: what both say is the same. A silent absence is an alarm, so a look that cannot
 * be made is one too.
 */

import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import type { Configuration } from '../../core/config/load-configuration.ts';
import { shownDetails } from '../../core/notify/message.ts';
import { type AlarmRecord, readAlarmRecord, writeAlarmRecord } from '../../core/state/alarm-record.ts';
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
  /** Null until it was read. */
  #record: AlarmRecord | null = null;
  #looking: Promise<void> = Promise.resolve();

  constructor(context: CliContext, parts: AlarmParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Returns at once. */
  look(configuration: Configuration): void {
    const nowMs = this.#context.world.now();
    const wanted = configuration.notify.some(
      ({ use, on }) => use !== 'ping' && use !== 'textfile' && on?.includes('alarm') !== false,
    );
    if (!wanted || isWithin(hourMs, nowMs, this.#record?.lookedAtMs)) return;
    this.#looking = this.#looking.then(() => this.#check(nowMs, configuration)).catch(() => {});
  }

  async ended(): Promise<void> {
    await this.#looking;
  }

  async #check(nowMs: number, { stateDir, notify }: Configuration): Promise<void> {
    this.#record ??= await readAlarmRecord(stateDir);
    const { lookedAtMs, toldAtMs = null } = this.#record ?? {};
    if (isWithin(hourMs, nowMs, lookedAtMs)) return;
    const keep = async (record: AlarmRecord): Promise<void> => {
      this.#record = record;
      await writeAlarmRecord(stateDir, record);
    };
    await keep({ lookedAtMs: nowMs, toldAtMs });
    const { configDir, signal, output } = this.#context;
    const { server, command } = this.#parts;
    const [program, ...args] = [...command, '--config', configDir, 'status', '--check'];
    const options = { signal, timeout: hourMs, maxBuffer: 16 * 1024 * 1024 };
    let said: string;
    try {
      await execute(program!, args, options);
      await keep({ lookedAtMs: nowMs, toldAtMs: null });
      return;
    } catch (error) {
      const { code, stdout = '', message } = error as { code?: unknown; stdout?: string; message: string };
      if (signal.aborted || code === 1) return;
      said = stdout.trim() === '' ? message : stdout.trim();
    }
    if (isWithin(dayMs, nowMs, toldAtMs)) return;
    const details = shownDetails(said.split('\n').map((line) => line.replace(/ \|.*$/, '')));
    const about = { server, host: hostname(), addin: null, run: null, scheduled: false, atMs: nowMs };
    const none = { exitStatus: null, durationMs: null, figures: null };
    const alarm = { event: 'alarm', ...about, ...none, details } as const;
    const { reached, failures } = await tell(notify, alarm, this.#context);
    // Where nobody could be reached, the next look tells it again.
    if (reached) await keep({ lookedAtMs: nowMs, toldAtMs: nowMs });
    for (const failure of failures) output.note(`note: ${failure}`);
  }
}

/** Also after a clock was set back: what was noted then lies ahead, and is no reason to be silent until then. */
const isWithin = (ms: number, nowMs: number, atMs: number | null | undefined): boolean =>
  atMs != null && Math.abs(nowMs - atMs) < ms;
