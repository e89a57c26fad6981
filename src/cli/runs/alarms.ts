/**
 * Tells notifiers when backups become overdue, and reminds once a day while they are; each hour, where nobody was reached.
 * So too when the schedule can begin nothing, since the state cannot be read or written.
 *
 * Looks once an hour, whether a daemon stays or a timer begins one every few minutes; in a process of its own, with the
 * command that monitoring uses: what both say is the same. A silent absence is an alarm, so a look that cannot
 * be made is one too, and a record that cannot be kept costs none.
 */

import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import type { Configuration } from '../../core/config/load-configuration.ts';
import { errorCodes, type HoldfastError } from '../../core/errors.ts';
import type { NotifyEvent } from '../../core/index.ts';
import { shownDetails } from '../../core/notify/message.ts';
import { printable } from '../../core/printable.ts';
import { type AlarmRecord, readAlarmRecord, writeAlarmRecord } from '../../core/state/alarm-record.ts';
import { knownError } from '../../core/system-error.ts';
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
  /** One thing after the other; never rejects. */
  #busy: Promise<void> = Promise.resolve();
  #troubledAtMs: number | null = null;

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
    this.#then(() => this.#check(nowMs, configuration));
  }

  /** The schedule could begin nothing, or note nothing. Notes it at most once an hour. Returns at once. */
  trouble(error: HoldfastError, configuration: Configuration): void {
    const nowMs = this.#context.world.now();
    if (isWithin(hourMs, nowMs, this.#troubledAtMs)) return;
    this.#troubledAtMs = nowMs;
    const text = `${error.code}: ${error.message}`;
    this.#context.output.note(`note: no run can begin or be noted; it is tried again: ${text}`);
    this.#then(async () => {
      const { troubleToldAtMs } = await this.#known(configuration);
      if (isWithin(dayMs, nowMs, troubleToldAtMs)) return;
      const about = { event: 'failure', exitStatus: errorCodes[error.code].exit, details: [text] } as const;
      if (await this.#tell(about, nowMs, configuration))
        await this.#keep({ troubleToldAtMs: nowMs }, configuration);
    });
  }

  async ended(): Promise<void> {
    await this.#busy;
  }

  #then(action: () => Promise<void>): void {
    this.#busy = this.#busy.then(action).catch((error: unknown) => {
      this.#context.output.note(`note: what notifiers are to hear could not be told: ${textOf(error)}`);
    });
  }

  async #known({ stateDir }: Configuration): Promise<AlarmRecord> {
    this.#record ??= await readAlarmRecord(stateDir);
    return this.#record;
  }

  /** Holds here even where it cannot be written. */
  async #keep(change: Partial<AlarmRecord>, configuration: Configuration): Promise<void> {
    this.#record = { ...(await this.#known(configuration)), ...change };
    await writeAlarmRecord(configuration.stateDir, this.#record).catch((error: unknown) => {
      this.#context.output.note(`note: when notifiers were told cannot be kept: ${textOf(error)}`);
    });
  }

  async #check(nowMs: number, configuration: Configuration): Promise<void> {
    const { lookedAtMs, toldAtMs } = await this.#known(configuration);
    if (isWithin(hourMs, nowMs, lookedAtMs)) return;
    await this.#keep({ lookedAtMs: nowMs }, configuration);
    const { configDir, signal } = this.#context;
    const [program, ...args] = [...this.#parts.command, '--config', configDir, 'status', '--check'];
    const options = { signal, timeout: hourMs, maxBuffer: 16 * 1024 * 1024 };
    let said: string;
    try {
      await execute(program!, args, options);
      await this.#keep({ toldAtMs: null }, configuration);
      return;
    } catch (error) {
      const { code, stdout = '', message } = error as { code?: unknown; stdout?: string; message: string };
      if (signal.aborted) return;
      if (code === 1) {
        // What is overdue after it is overdue anew.
        await this.#keep({ toldAtMs: null }, configuration);
        return;
      }
      said = stdout.trim() === '' ? message : stdout.trim();
    }
    if (isWithin(dayMs, nowMs, toldAtMs)) return;
    const details = shownDetails(said.split('\n').map((line) => line.replace(/ \|.*$/, '')));
    // Where nobody could be reached, the next look tells it again.
    if (await this.#tell({ event: 'alarm', exitStatus: null, details }, nowMs, configuration))
      await this.#keep({ toldAtMs: nowMs }, configuration);
  }

  /** Whether somebody was reached. */
  async #tell(what: Told, atMs: number, { notify }: Configuration): Promise<boolean> {
    const { server } = this.#parts;
    const about = { server, host: hostname(), addin: null, run: null, atMs, durationMs: null, figures: null };
    const notification = { ...about, ...what, scheduled: what.event === 'failure' };
    const { reached, failures } = await tell(notify, notification, this.#context);
    for (const failure of failures) this.#context.output.note(`note: ${failure}`);
    return reached;
  }
}

interface Told {
  readonly event: NotifyEvent;
  readonly exitStatus: number | null;
  readonly details: readonly string[];
}

const textOf = (error: unknown): string => knownError(error)?.message ?? printable(String(error), 300);

/** Also after a clock was set back: what was noted then lies ahead, and is no reason to be silent until then. */
const isWithin = (ms: number, nowMs: number, atMs: number | null | undefined): boolean =>
  atMs != null && Math.abs(nowMs - atMs) < ms;
