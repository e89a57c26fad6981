/**
 * Feeds index pages to restore workers and stored frames to whoever asks for them.
 *
 * Neighbouring pages go to one worker, because their contents lie in the same frames. One batch is under
 * way per worker, one waits; the first fatal error stops all.
 */

import type { Worker } from 'node:worker_threads';
import type { FinishedPage } from '../../archive/pages.ts';
import { HoldfastError } from '../../errors.ts';
import type { RestoreOutlet } from './entry-restorer.ts';
import type { FetchFrame } from './frames.ts';
import {
  type FromRestoreWorker,
  type Leftovers,
  type PageWork,
  type RestoreWorkerSetup,
  type ToRestoreWorker,
  tellError,
  toldError,
} from './messages.ts';
import type { RestoreThreads } from './restore-threads.ts';

export interface RestorePoolOptions {
  readonly setup: RestoreWorkerSetup;
  readonly threads: RestoreThreads;
  /** How many of the threads this job may hold. */
  readonly share: number;
  readonly fetch: FetchFrame;
  readonly outlet: RestoreOutlet;
  readonly signal: AbortSignal;
}

interface Thread {
  readonly worker: Worker;
  pending: number;
}

/** @throws the first fatal error of a worker, or INTERRUPTED; no thread works for it any more by then */
export async function restoreInThreads(
  batches: AsyncIterable<readonly PageWork[]>,
  options: RestorePoolOptions,
): Promise<Leftovers> {
  const workers = await options.threads.acquire(options.share);
  const pool = new RestorePool(workers, options);
  try {
    for await (const batch of batches) await pool.give(batch);
    const leftovers = await pool.end();
    pool.detach();
    options.threads.release(workers);
    return leftovers;
  } catch (error) {
    await options.threads.discard(workers);
    pool.detach();
    throw error;
  }
}

class RestorePool {
  readonly #options: RestorePoolOptions;
  readonly #threads: readonly Thread[];
  readonly #leftovers: { [kind in keyof Leftovers]: FinishedPage[] } = {
    directories: [],
    linked: [],
    protected: [],
  };
  readonly #abort = (): void => this.#fail(new HoldfastError('INTERRUPTED', 'the restore was interrupted'));
  #fatal: Error | null = null;
  #wake: (() => void) | null = null;
  #ended = 0;

  constructor(workers: readonly Worker[], options: RestorePoolOptions) {
    this.#options = options;
    this.#threads = workers.map((worker) => {
      const thread: Thread = { worker, pending: 0 };
      worker.on('message', (message: FromRestoreWorker) => this.#hear(thread, message));
      worker.on('error', (error) => this.#fail(error));
      this.#post(thread, { type: 'begin', setup: options.setup });
      return thread;
    });
    options.signal.addEventListener('abort', this.#abort, { once: true });
    if (options.signal.aborted) this.#abort();
  }

  /** Hears nothing of the threads any more: they may serve another job. */
  detach(): void {
    this.#options.signal.removeEventListener('abort', this.#abort);
    for (const { worker } of this.#threads) {
      worker.removeAllListeners('message');
      worker.removeAllListeners('error');
    }
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
        this.#leftovers.protected.push(...message.protected);
        this.#ended++;
        this.#awaken();
        return;
      case 'fatal':
        this.#fail(toldError(message));
    }
  }

  async #deliver(thread: Thread, id: number, object: number, frame: number): Promise<void> {
    try {
      const bytes = await this.#options.fetch(object, frame);
      // A buffer that owns its memory moves; a part of a larger one is copied.
      const owner = bytes.byteLength === bytes.buffer.byteLength ? [bytes.buffer as ArrayBuffer] : [];
      thread.worker.postMessage({ type: 'frame', id, bytes } satisfies ToRestoreWorker, owner);
    } catch (error) {
      this.#post(thread, { type: 'no-frame', id, ...tellError(error) });
    }
  }
}
