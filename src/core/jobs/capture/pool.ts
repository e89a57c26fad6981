/**
 * The capture workers of this process and who does what: as many threads as cores, shared by all accounts.
 *
 * An account's work is a queue of sub-trees. It begins with one task per tree; a worker that meets a
 * directory while another is idle hands a waiting one over. When no task is left, one worker writes the
 * account's final segment. Nothing here touches files or stores.
 */

import { pageTargetBytes } from '../../archive/pages.ts';
import { type ErrorCode, errorCodes, HoldfastError } from '../../errors.ts';
import { CaptureThreads } from './capture-threads.ts';
import { noCounts } from './counts.ts';
import { expectedWork } from './expected-work.ts';
import {
  type CaptureRequest,
  type CaptureResult,
  type CaptureSink,
  deliver,
  endPart,
  endTask,
  type Job,
  newJob,
  resultOf,
  takeBytes,
} from './job.ts';
import { jobControl, newControl } from './job-control.ts';
import { type FromWorker, isWork, type ToWorker } from './messages.ts';
import { credit, type Thread } from './thread.ts';

export type { CaptureResult } from './job.ts';

export class CapturePool {
  readonly #threads: CaptureThreads;
  readonly #jobs = new Map<number, Job>();
  readonly #now: () => number;
  #nextJob = 1;

  /**
   * `aloneMs`: for so long a thread that is the only one captures what has a parent before a second one is started; all at
   * once where nothing is said. `pageBytes`: size at which index pages are closed; other than the default for tests only.
   */
  constructor(options: {
    readonly threads: number;
    readonly now: () => number;
    readonly aloneMs?: number;
    readonly pageBytes?: number;
  }) {
    this.#now = options.now;
    const { threads, aloneMs = 0, pageBytes = pageTargetBytes } = options;
    this.#threads = new CaptureThreads(
      { threads, aloneMs, pageBytes },
      {
        message: (thread, message) => this.#hear(thread, message),
        died: (thread, cause) => this.#died(thread, cause),
        more: () => this.#schedule(),
      },
    );
  }

  /**
   * Captures the trees of one account. Resolves when every byte has been handed to the sink.
   *
   * @throws INTERRUPTED the signal was aborted; whatever the sink has taken is garbage
   */
  capture(
    request: CaptureRequest,
    sink: CaptureSink,
  ): Promise<CaptureResult & { readonly nextNumber: number }> {
    request.signal.throwIfAborted();
    if (request.trees.length === 0) {
      return Promise.resolve({
        counts: noCounts(),
        contents: null,
        trees: [],
        nextNumber: request.firstNumber,
      });
    }
    const work = expectedWork(request.parent);
    this.#threads.expect(work);
    const control = newControl(request.trees.length);
    control[jobControl.nextNumber] = request.firstNumber;
    const { promise, resolve, reject } = Promise.withResolvers<CaptureResult>();
    const { trees, parent, publicKey = null } = request;
    const job = newJob(this.#nextJob++, trees, {
      parent,
      work,
      publicKey,
      control,
      sink,
      resolve,
      reject,
      nowMs: this.#now(),
    });
    this.#jobs.set(job.id, job);
    const stop = (): void => this.#fail(job, new HoldfastError('INTERRUPTED', 'the backup was interrupted'));
    request.signal.addEventListener('abort', stop, { once: true });
    this.#schedule();
    return promise
      .then((result) => ({ ...result, nextNumber: Atomics.load(control, jobControl.nextNumber) }))
      .finally(() => {
        request.signal.removeEventListener('abort', stop);
        this.#jobs.delete(job.id);
      });
  }

  /** Lets every worker end its present message and exit. May be called again. */
  close(): Promise<void> {
    return this.#threads.close();
  }

  /** Starts threads before there is work, for so many jobs at a time: they load while the caller does something else. */
  start(jobs = 1): void {
    this.#threads.prepare(jobs);
  }

  /** Where it died while it loaded, another comes only for work that nobody does: it would die as well, without end. */
  #died(thread: Thread, cause: Error): void {
    for (const job of [...this.#jobs.values()]) {
      if (job.parts.has(thread)) {
        this.#fail(job, new HoldfastError('INTERNAL', `a capture thread died: ${cause.message}`, { cause }));
      }
    }
    const left = [...this.#jobs.values()];
    const isWanted = thread.loaded[0] === 1 ? left.length > 0 : left.some(({ parts }) => parts.size === 0);
    if (isWanted) this.#threads.start();
    this.#schedule();
  }

  /**
   * Gives waiting tasks to idle threads: of a job that the thread knows, else of one that no thread has, else of the
   * oldest. A small account is so done by one thread, with one segment. Who is to finish an account gets nothing else.
   */
  #schedule(): void {
    const jobs = [...this.#jobs.values()];
    const toFinish = jobs.filter(({ phase }) => phase === 'release').map(({ finisher }) => finisher);
    for (const thread of this.#threads.all) {
      if (thread.pending > 0 || toFinish.includes(thread)) continue;
      const waiting = jobs.filter(({ phase, queue }) => phase === 'walk' && queue.length > 0);
      const known = waiting.find(({ parts }) => parts.has(thread));
      const job = known ?? waiting.find(({ parts }) => parts.size === 0) ?? waiting[0];
      if (job !== undefined) this.#give(thread, job);
    }
    const waiting = jobs.reduce((sum, job) => sum + job.queue.length, toFinish.length);
    this.#threads.tell(
      waiting,
      jobs.map(({ work }) => work),
    );
  }

  #give(thread: Thread, job: Job): void {
    if (!job.parts.has(thread)) {
      job.parts.set(thread, -1);
      this.#post(thread, {
        type: 'begin',
        job: job.id,
        trees: job.trees,
        parent: job.parent,
        publicKey: job.publicKey,
        nowMs: this.#now(),
        control: job.control,
      });
    }
    job.running++;
    this.#post(thread, { type: 'task', job: job.id, ...job.queue.shift()! });
  }

  #post(thread: Thread, message: ToWorker): void {
    if (isWork(message)) thread.pending++;
    thread.worker.postMessage(message);
  }

  #hear(thread: Thread, message: FromWorker): void {
    if (message.type === 'ready') {
      thread.pending--;
      this.#schedule();
      return;
    }
    const job = this.#jobs.get(message.job);
    if (job === undefined) {
      if (message.type === 'bytes') credit(thread, message.bytes.length);
      return;
    }
    try {
      if (!deliver(job, message)) this.#advance(thread, job, message);
    } catch (error) {
      this.#fail(job, error);
    }
  }

  #advance(thread: Thread, job: Job, message: Exclude<FromWorker, { type: 'ready' }>): void {
    switch (message.type) {
      case 'bytes':
        takeBytes(thread, job, message.number, message.bytes);
        job.sink.progress(message.plainBytes);
        return;
      case 'hand-over':
        job.queue.push({ tree: message.tree, path: message.path });
        this.#schedule();
        return;
      case 'task-done':
        endTask(thread, job, message, this.#now());
        if (job.running === 0 && job.queue.length === 0) this.#conclude(job, thread);
        return;
      case 'released':
        endPart(thread, job, message);
        if (job.parts.size === 1) this.#finish(job);
        return;
      case 'finished':
        job.resolve(resultOf(job, message));
        return;
      case 'failed': {
        const known = message.code in errorCodes ? (message.code as ErrorCode) : 'INTERNAL';
        this.#fail(job, new HoldfastError(known, message.message));
      }
    }
  }

  /**
   * The walk is over: of the threads without other work the one with the highest open segment finishes, as soon as the
   * others have let go. `current` has ended the last task.
   */
  #conclude(job: Job, current: Thread): void {
    job.phase = 'release';
    const free = [...job.parts].filter(([thread]) => thread === current || thread.pending === 0);
    const [last] = free.sort(([, a], [, b]) => b - a)[0]!;
    job.finisher = last;
    Atomics.store(job.control, jobControl.finisher, last.number);
    for (const thread of job.parts.keys()) {
      if (thread !== last) this.#post(thread, { type: 'release', job: job.id });
    }
    if (job.parts.size === 1) this.#finish(job);
  }

  #finish(job: Job): void {
    job.phase = 'finish';
    const { id, directories, linked, keptLinks, startedAtMs } = job;
    this.#post(job.finisher!, { type: 'finish', job: id, directories, linked, keptLinks, startedAtMs });
  }

  #fail(job: Job, error: unknown): void {
    Atomics.store(job.control, jobControl.stop, 1);
    for (const body of job.bodies.values()) body.fail(error);
    this.#jobs.delete(job.id);
    for (const thread of job.parts.keys()) this.#post(thread, { type: 'drop', job: job.id });
    job.reject(error);
    this.#schedule();
  }
}
