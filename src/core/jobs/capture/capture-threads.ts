/**
 * The threads of a capture pool: when they start, how many there are, and that they end.
 *
 * Where little is expected to have changed in one account one begins alone: another costs a start and code that is slow
 * at first, which a run that is over at once does not give back. If it is not, a second one starts, and the others only
 * where two have much to do: of many cores most would start for nothing. It knows nothing of jobs.
 */

import type { ExpectedWork } from './expected-work.ts';
import type { FromWorker, SharedByThreads, ToWorker } from './messages.ts';
import { startThread, type Thread } from './thread.ts';
import { longest, tuneFor } from './tuning.ts';

export interface ThreadSettings {
  /** At most. */
  readonly threads: number;
  /** For so long a thread that is the only one does what little is expected of, before there are two; 0: all begin at once. */
  readonly aloneMs: number;
  readonly pageBytes: number;
}

export interface ThreadListener {
  message(thread: Thread, message: FromWorker): void;
  /** It is none of the threads any more. */
  died(thread: Thread, cause: Error): void;
  /** There are more threads than before. */
  more(): void;
}

/** For so long two do it. */
const pairMs = 3000;

export class CaptureThreads {
  readonly all: Thread[] = [];
  /** Where all of them see it. */
  readonly #shared: SharedByThreads = {
    hungry: new Int32Array(new SharedArrayBuffer(4)),
  };
  readonly #settings: ThreadSettings;
  readonly #listener: ThreadListener;
  #wanted: number;
  #started = 0;
  #busy = false;
  #closing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(settings: ThreadSettings, listener: ThreadListener) {
    this.#settings = settings;
    this.#listener = listener;
    this.#wanted = settings.aloneMs > 0 ? 1 : settings.threads;
  }

  /** Starts what threads are missing. */
  start(): void {
    while (this.#closing === null && this.all.length < this.#wanted) {
      const thread = startThread(++this.#started, this.#shared, this.#settings.pageBytes);
      const { worker } = thread;
      worker.on('message', (message: FromWorker) => this.#listener.message(thread, message));
      worker.on('error', (error) => {
        this.all.splice(this.all.indexOf(thread), 1);
        this.#listener.died(thread, error);
      });
      worker.unref();
      this.all.push(thread);
    }
  }

  /**
   * So many jobs at a time will come, and none has come yet: for several there are two threads from the beginning. One that
   * starts when others are at work takes twice as long, for what V8 is told by then makes compiled code useless.
   */
  prepare(jobs: number): void {
    if (jobs > 1) this.#wanted = Math.max(this.#wanted, Math.min(2, this.#settings.threads));
    this.start();
  }

  /** Work comes: threads for much of it, or those that are there until it is seen that it lasts. */
  expect(work: ExpectedWork): void {
    if (work !== 'little') this.#wanted = this.#settings.threads;
    else this.#watch();
    this.start();
  }

  /** More threads where there is work still after a while. */
  #watch(): void {
    const { threads, aloneMs } = this.#settings;
    if (this.#wanted >= threads) return;
    this.#timer ??= setTimeout(() => this.#lasts(), this.#wanted === 1 ? aloneMs : pairMs).unref();
  }

  #lasts(): void {
    this.#timer = null;
    if (!this.#busy) return;
    this.#wanted = this.#wanted === 1 ? 2 : this.#settings.threads;
    this.#watch();
    this.start();
    this.#listener.more();
  }

  /** `waiting`: work that nobody does yet; `works`: what the jobs expect, for which the process is to live. */
  tell(waiting: number, works: readonly ExpectedWork[]): void {
    const busy = works.length > 0;
    this.#busy = busy;
    if (busy && this.all.every(({ loaded }) => loaded[0] === 1)) tuneFor(longest(works));
    const idle = this.all.filter((thread) => thread.pending === 0).length;
    Atomics.store(this.#shared.hungry, 0, Math.max(0, idle - waiting));
    for (const { worker } of this.all) busy ? worker.ref() : worker.unref();
  }

  /** Lets every worker end its present message and exit. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.all(
      this.all.splice(0).map(async ({ worker }) => {
        worker.ref();
        const exited = new Promise((resolve) => worker.once('exit', resolve));
        worker.postMessage({ type: 'quit' } satisfies ToWorker);
        await exited;
      }),
    );
  }
}
