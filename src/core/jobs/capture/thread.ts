/** One thread of a capture pool: how it is started, and how much of what it sent waits in the main thread. */

import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { ownModule } from '../../own-files.ts';
import type { SharedByThreads, WorkerSetup } from './messages.ts';

export interface Thread {
  /** In its pool, from 1 on; no other ever has it. */
  readonly number: number;
  readonly worker: Worker;
  readonly underWay: Int32Array;
  /** 1 as soon as it is ready for its first message. */
  readonly loaded: Int32Array;
  /** Messages given to it that it has not finished. */
  pending: number;
}

/** Says that the main thread is done with bytes of this thread. */
export function credit(thread: Thread, bytes: number): void {
  Atomics.sub(thread.underWay, 0, bytes);
  Atomics.notify(thread.underWay, 0);
}

/**
 * Megabytes that a thread may fill before its collector marks for the first time. What lies outside the heap counts
 * too, and from the few that V8 begins with it would mark every twenty milliseconds of a night.
 */
const untroubledMegabytes = 64;
/** Until a new thread has made its heap: it does so before all else. */
const heapIsMadeMs = 3;

/** Of threads that have not ended: whether they have loaded. */
const living = new Set<Int32Array>();
/** For all together. One that hangs, or dies at that moment and cannot say so any more, holds up no exit for longer. */
const longestLoadMs = 2000;

/** The end of the process ends its threads, and one that declares system calls at that moment takes it down with SIGABRT. */
function letLoad(): void {
  const endsAt = performance.now() + longestLoadMs;
  for (const loaded of living) Atomics.wait(loaded, 0, 0, Math.max(0, endsAt - performance.now()));
}

/** A capture thread, idle. The caller listens to it. */
export function startThread(number: number, shared: SharedByThreads, pageBytes: number): Thread {
  const underWay = new Int32Array(new SharedArrayBuffer(4));
  const loaded = new Int32Array(new SharedArrayBuffer(4));
  const setup: WorkerSetup = { ...shared, underWay, pageBytes, number, loaded };
  // Else V8 begins to note what a function is given when it has run some eight times, and much of a night's code does not
  // run much more often. Of the whole process; compiled code counts as before.
  setFlagsFromString('--no-lazy-feedback-allocation');
  setFlagsFromString(`--initial-old-space-size=${untroubledMegabytes}`);
  const worker = new Worker(ownModule('core/jobs/capture/worker'), {
    workerData: setup,
    // Entries live shortly: a small young generation costs no time and saves tens of megabytes.
    resourceLimits: { maxYoungGenerationSizeMb: 12 },
  });
  // Compiled code counts only under the flags it was compiled with: left as it is, this one would cost each thread 40 ms.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, heapIsMadeMs);
  setFlagsFromString('--initial-old-space-size=0');
  if (living.size === 0) process.once('exit', letLoad);
  living.add(loaded);
  worker.once('exit', () => {
    living.delete(loaded);
    if (living.size === 0) process.removeListener('exit', letLoad);
  });
  return { number, worker, underWay, loaded, pending: 0 };
}
