/**
 * Runs what the schedule owes: looks, begins runs, notes their ends, sleeps, looks again.
 *
 * Owns the order of writing: a run is noted as begun before it begins. How a run is done is the caller's
 * affair (a process of its own), and so is every line people read. The configuration is asked for at each
 * look, so that a change needs no restart. The caller holds the daemon's lock.
 *
 * Outlives a state that cannot be read or written, as on a full disk: what has to be noted waits in memory, and
 * nothing begins that could not be noted.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { HoldfastError } from '../errors.ts';
import { pastRuns } from '../state/run-history.ts';
import { knownRuns } from '../state/run-records.ts';
import { knownError } from '../system-error.ts';
import {
  begun,
  ended,
  itemsOf,
  ordersFor,
  type RunOrder,
  type Scheduled,
  type ScheduleStates,
  settle,
} from './schedule.ts';
import { isPaused, readPauses, readStates, writeStates } from './schedule-file.ts';

export interface DaemonParts {
  readonly stateDir: string;
  /** Makes random delays those of this server. */
  readonly seed: string;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** What is configured now; those whose runs are switched off are left out. */
  readonly scheduled: () => Promise<readonly Scheduled[]>;
  /** Resolves when the run has ended, however it did. */
  readonly run: (order: RunOrder) => Promise<void>;
  /** A look, or the note of the end of a run, that came to nothing; the next look tries again. */
  readonly onTrouble: (error: HoldfastError) => void;
  /** Milliseconds between looks. */
  readonly everyMs: number;
}

export class Daemon {
  readonly #parts: DaemonParts;
  /** Runs under way, by addin configuration. */
  readonly #running = new Map<string, Promise<void>>();
  #states: ScheduleStates = {};
  /** What the disk has of them, as text. */
  #kept = '';
  /** Never rejects. */
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: DaemonParts) {
    this.#parts = parts;
  }

  /**
   * Until the signal fires, or with `once` until nothing is owed and every run has ended.
   *
   * @throws STATE_UNWRITABLE with `once`: the last look came to nothing; or another code that `onTrouble` was given
   */
  async serve({ once }: { readonly once: boolean }): Promise<void> {
    const { stateDir, signal, everyMs } = this.#parts;
    this.#states = await readStates(stateDir);
    this.#kept = JSON.stringify(this.#states);
    while (!signal.aborted) {
      const trouble = await this.#trouble(() => this.#look());
      if (once && this.#running.size === 0) {
        if (trouble !== null) throw trouble;
        break;
      }
      const woken = new AbortController();
      const rest = sleep(everyMs, undefined, { signal: AbortSignal.any([signal, woken.signal]) });
      await Promise.race([rest.catch(() => {}), ...this.#running.values()]);
      woken.abort();
    }
    await Promise.all(this.#running.values());
    await this.#writing;
  }

  /** What kept it from being done, once it has been told; an error that nobody foresaw is thrown. */
  async #trouble(action: () => Promise<void>): Promise<HoldfastError | null> {
    try {
      await action();
      return null;
    } catch (error) {
      const known = knownError(error);
      if (known === null) throw error;
      this.#parts.onTrouble(known);
      return known;
    }
  }

  async #look(): Promise<void> {
    const { stateDir, seed, now, scheduled } = this.#parts;
    const [pauses, configured] = [await readPauses(stateDir), await scheduled()];
    const items = itemsOf(configured);
    const nowMs = now();
    // What was taken out or switched off is forgotten, so that it owes nothing where it comes back.
    this.#states = settle(items, this.#states, nowMs);
    const underWay = await knownRuns(stateDir);
    const busy = new Set(this.#running.keys());
    for (const { addin, state } of underWay) if (state === 'running') busy.add(addin);
    await this.#catchUp(busy);
    const free = items.filter(({ addin }) => !isPaused(pauses, addin));
    for (const order of ordersFor(free, this.#states, { nowMs, busy, seed })) {
      await this.#keepBegun(order, nowMs);
      this.#running.set(order.item.addin, this.#seeThrough(order));
    }
    await this.#keep(this.#states);
  }

  async #seeThrough(order: RunOrder): Promise<void> {
    await this.#trouble(() => this.#parts.run(order));
    this.#running.delete(order.item.addin);
    // One that was stopped with the daemon is owed again.
    if (this.#parts.signal.aborted) return;
    await this.#trouble(() => this.#keep(ended(this.#states, order)));
  }

  /** Notes the ends of runs that an earlier daemon began and did not live to see. */
  async #catchUp(busy: ReadonlySet<string>): Promise<void> {
    for (const [key, state] of Object.entries(this.#states)) {
      const addin = key.slice(0, key.indexOf(' '));
      if (state.begun === null || busy.has(addin)) continue;
      const { atMs } = state.begun;
      const limit = Number.POSITIVE_INFINITY;
      const since = { addin, scheduled: true, sinceMs: atMs, limit, nowMs: this.#parts.now() };
      const past = await pastRuns(this.#parts.stateDir, since);
      const seen = past.some(({ exitStatus }) => exitStatus !== 130);
      if (seen) this.#states = { ...this.#states, [key]: { ...state, begun: null } };
    }
  }

  /** After a failure the run is owed as it was. */
  async #keepBegun(order: RunOrder, nowMs: number): Promise<void> {
    const owed = order.covers.map(({ key }) => [key, this.#states[key]!] as const);
    try {
      await this.#keep(begun(this.#states, order, nowMs));
    } catch (error) {
      this.#states = { ...this.#states, ...Object.fromEntries(owed) };
      throw error;
    }
  }

  /** Writes only what has changed. After a failure they hold here, and the next call tries again. */
  #keep(states: ScheduleStates): Promise<void> {
    this.#states = states;
    const writing = this.#writing.then(async () => {
      const text = JSON.stringify(this.#states);
      if (text === this.#kept) return;
      await writeStates(this.#parts.stateDir, this.#states);
      this.#kept = text;
    });
    this.#writing = writing.catch(() => {});
    return writing;
  }
}
