/**
 * The worker threads that restores share: started when they are first needed, lent to one job at a time. Idle ones
 * do not keep the process alive.
 */

import { Worker } from 'node:worker_threads';
import { returnLargeBlocks } from '../../filesystem/native-process.ts';
import { ownModule } from '../../own-files.ts';
import type { ToRestoreWorker } from './messages.ts';

export class RestoreThreads {
  readonly size: number;
  readonly #idle: Worker[] = [];
  readonly #waiting: (() => void)[] = [];
  #lent = 0;

  constructor(size: number) {
    this.size = Math.max(1, size);
    returnLargeBlocks();
  }

  /** Waits until `count` threads are free (all there are, where more are asked for). */
  async acquire(count: number): Promise<Worker[]> {
    const wanted = Math.min(this.size, Math.max(1, count));
    while (this.#lent + wanted > this.size) {
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
    this.#lent += wanted;
    const workers = Array.from({ length: wanted }, () => this.#idle.pop() ?? this.#start());
    for (const worker of workers) worker.ref();
    return workers;
  }

  /** Takes threads back that are ready for another job. */
  release(workers: readonly Worker[]): void {
    for (const worker of workers) worker.unref();
    this.#idle.push(...workers);
    this.#returned(workers.length);
  }

  /** Ends threads that may be in the middle of something; others are started in their place. */
  async discard(workers: readonly Worker[]): Promise<void> {
    await Promise.all(workers.map(quit));
    this.#returned(workers.length);
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(quit));
  }

  #returned(count: number): void {
    this.#lent -= count;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #start(): Worker {
    return new Worker(ownModule('core/jobs/restore/worker'), {
      // Entries live shortly: a small young generation costs no time and saves tens of megabytes.
      resourceLimits: { maxYoungGenerationSizeMb: 3 },
    });
  }
}

/** The thread gives up at its next entry; it is never killed in the middle of a call. */
async function quit(worker: Worker): Promise<void> {
  if (worker.threadId === -1) return;
  worker.ref();
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  worker.postMessage({ type: 'quit' } satisfies ToRestoreWorker);
  await exited;
}
