/**
 * Feeds index pages to restore workers and stored frames to whoever asks for them.
 *
 * Neighbouring pages go to one worker, because their contents lie in the same frames. One batch is under
 * way per worker, one waits; the first fatal error stops all.
 */

import { Worker } from 'node:worker_threads';
import type { FinishedPage } from '../../archive/pages.ts';
import type { ErrorCode } from '../../errors.ts';
import { errorCodes, HoldfastError, isHoldfastError } from '../../errors.ts';
import type { RestoreOutlet } from './entry-restorer.ts';
import type { FetchFrame } from './frames.ts';
import type { FromRestoreWorker, PageWork, RestoreWorkerSetup, ToRestoreWorker } from './messages.ts';

export interface RestorePoolOptions {
  readonly setup: RestoreWorkerSetup;
  readonly threads: number;
  readonly fetch: FetchFrame;
  readonly outlet: RestoreOutlet;
  readonly signal: AbortSignal;
}

interface Thread {
  readonly worker: Worker;
  pending: number;
}

export interface Leftovers {
  readonly directories: readonly FinishedPage[];
  readonly linked: readonly FinishedPage[];
}

/** @throws the first fatal error of a worker, or INTERRUPTED; all workers have ended by then */
export async function restoreInThreads(
  batches: AsyncIterable<readonly PageWork[]>,
  options: RestorePoolOptions,
): Promise<Leftovers> {
  const pool = new RestorePool(options);
  try {
    for await (const batch of batches) await pool.give(batch);
    return await pool.end();
  } catch (error) {
    await pool.stop();
    throw error;
  }
}

class RestorePool {
  readonly #options: RestorePoolOptions;
  readonly #threads: Thread[] = [];
  readonly #leftovers = { directories: [] as FinishedPage[], linked: [] as FinishedPage[] };
  #fatal: Error | null = null;
  #wake: (() => void) | null = null;
  #ended = 0;

  constructor(options: RestorePoolOptions) {
    this.#options = options;
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const url = new URL(`./worker.${extension}`, import.meta.url);
    for (let i = 0; i < options.threads; i++) {
      const thread: Thread = { worker: new Worker(url, { workerData: options.setup }), pending: 0 };
      thread.worker.on('message', (message: FromRestoreWorker) => this.#hear(thread, message));
      thread.worker.on('error', (error) => this.#fail(error));
      this.#threads.push(thread);
    }
    options.signal.addEventListener('abort', () => this.#fail(interrupted()), { once: true });
    if (options.signal.aborted) this.#fail(interrupted());
  }

  async give(pages: readonly PageWork[]): Promise<void> {
    for (;;) {
      if (this.#fatal !== null) throw this.#fatal;
      const idlest = this.#threads.reduce((a, b) => (b.pending < a.pending ? b : a));
      if (idlest.pending < 2) {
        idlest.pending++;
        this.#post(idlest, { type: 'pages', pages });
        return;
      }
      await this.#change();
    }
  }

  async end(): Promise<Leftovers> {
    while (this.#threads.some((thread) => thread.pending > 0)) {
      if (this.#fatal !== null) throw this.#fatal;
      await this.#change();
    }
    for (const thread of this.#threads) this.#post(thread, { type: 'end' });
    while (this.#ended < this.#threads.length) {
      if (this.#fatal !== null) throw this.#fatal;
      await this.#change();
    }
    return this.#leftovers;
  }

  /** Workers give up at their next entry; none is killed in the middle of a call. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#threads.map(async ({ worker }) => {
        const exited = new Promise((resolve) => worker.once('exit', resolve));
        worker.postMessage({
          type: 'no-frame',
          id: 0,
          code: 'INTERRUPTED',
          message: 'stopped',
        } satisfies ToRestoreWorker);
        worker.postMessage({ type: 'end' } satisfies ToRestoreWorker);
        await exited;
      }),
    );
  }

  #change(): Promise<void> {
    return new Promise((wake) => (this.#wake = wake));
  }

  #awaken(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  #fail(error: Error): void {
    this.#fatal ??= error;
    this.#awaken();
  }

  #post(thread: Thread, message: ToRestoreWorker): void {
    thread.worker.postMessage(message);
  }

  #hear(thread: Thread, message: FromRestoreWorker): void {
    const { outlet } = this.#options;
    switch (message.type) {
      case 'want':
        void this.#deliver(thread, message.id, message.object, message.frame);
        return;
      case 'progress':
        outlet.progress(message.entries, message.bytes);
        for (let i = 0; i < message.kept; i++) outlet.kept();
        return;
      case 'warning':
        outlet.warn(message.code, Buffer.from(message.path), message.message);
        return;
      case 'failure':
        outlet.failed(Buffer.from(message.path), message.message);
        return;
      case 'pages-done':
        thread.pending--;
        this.#awaken();
        return;
      case 'ended':
        this.#leftovers.directories.push(...message.directories);
        this.#leftovers.linked.push(...message.linked);
        this.#ended++;
        this.#awaken();
        return;
      case 'fatal': {
        const code = message.code in errorCodes ? (message.code as ErrorCode) : 'INTERNAL';
        this.#fail(new HoldfastError(code, message.message));
      }
    }
  }

  async #deliver(thread: Thread, id: number, object: number, frame: number): Promise<void> {
    try {
      const bytes = await this.#options.fetch(object, frame);
      this.#post(thread, { type: 'frame', id, bytes });
    } catch (error) {
      const code = isHoldfastError(error) ? error.code : 'INTERNAL';
      this.#post(thread, { type: 'no-frame', id, code, message: (error as Error).message });
    }
  }
}

const interrupted = (): HoldfastError => new HoldfastError('INTERRUPTED', 'the restore was interrupted');
