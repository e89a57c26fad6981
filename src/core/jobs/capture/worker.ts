/**
 * Entry point of a capture worker thread: takes messages, runs them to their end, one at a time.
 *
 * All file access is synchronous. The thread waits on shared memory while the main thread is behind, and
 * looks there whether it must stop; it is never terminated from outside while a job runs.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { leaveNetwork } from '../../filesystem/native-process.ts';
import { systemXattrs } from '../../filesystem/xattrs.ts';
import { AccountCapture } from './account-capture.ts';
import { jobControl } from './job-control.ts';
import {
  type FromWorker,
  isWork,
  type JobOutlet,
  type ToWorker,
  type WorkerSetup,
  windowBytes,
} from './messages.ts';

// Who reads accounts as root has nobody to talk to. Where the host does not allow it, doctor says so.
leaveNetwork();

const { hungry, underWay, pageBytes, number: ownNumber, loaded } = workerData as WorkerSetup;
const port = parentPort!;
const captures = new Map<number, AccountCapture>();
/** Whose message is handled at this moment. */
let atWork = -1;

const send = (message: FromWorker): void => port.postMessage(message);

function outletOf(control: Int32Array): JobOutlet {
  const checkStop = (): void => {
    if (Atomics.load(control, jobControl.stop) !== 0) {
      throw new HoldfastError('INTERRUPTED', 'the capture was stopped');
    }
  };
  return {
    send,
    checkStop() {
      checkStop();
      letGo();
    },
    sendBytes(job, number, bytes, plainBytes) {
      for (;;) {
        const waiting = Atomics.load(underWay, 0);
        if (waiting < windowBytes) break;
        checkStop();
        Atomics.wait(underWay, 0, waiting, 1000);
      }
      Atomics.add(underWay, 0, bytes.length);
      const message: FromWorker = { type: 'bytes', job, number, bytes, plainBytes };
      // A frame owns its memory, which moves; small pieces may lie in Node's pool and are copied.
      port.postMessage(message, bytes.length > 65536 ? [bytes.buffer as ArrayBuffer] : []);
      letGo();
    },
    wantsHandOver: () => Atomics.load(hungry, 0) > 0,
    claimHandOver() {
      for (;;) {
        const count = Atomics.load(hungry, 0);
        if (count <= 0) return false;
        if (Atomics.compareExchange(hungry, 0, count, count - 1) === count) return true;
      }
    },
  };
}

/** What a failed job leaves behind: a frame that is half filled, and the parent's pages. */
function drop(job: number): void {
  captures.get(job)?.drop();
  captures.delete(job);
}

/** Closes what is open of an account and hands over what its final segment needs. */
function release(job: number): void {
  const capture = captures.get(job);
  captures.delete(job);
  try {
    capture?.release();
  } finally {
    capture?.drop();
  }
}

/** An account of which all has been read does not wait until this thread is done with what it reads of another. */
function letGo(): void {
  if (captures.size < 2) return;
  for (const [job, capture] of captures) {
    const finisher = Atomics.load(capture.control, jobControl.finisher);
    if (job === atWork || finisher === 0 || finisher === ownNumber) continue;
    try {
      release(job);
    } catch (error) {
      fail(job, error);
    }
  }
}

function fail(job: number, error: unknown): void {
  drop(job);
  const code = isHoldfastError(error) ? error.code : 'INTERNAL';
  send({ type: 'failed', job, code, message: (error as Error).message });
}

function handle(message: ToWorker): void {
  switch (message.type) {
    case 'begin': {
      const since = message.nowMs - performance.now();
      const now = (): number => since + performance.now();
      const outlet = outletOf(message.control);
      const world = { xattrs: systemXattrs, now, pageBytes };
      captures.set(message.job, new AccountCapture(message, message.control, outlet, world));
      return;
    }
    case 'task':
      captures.get(message.job)?.task(message.tree, message.path);
      return;
    case 'release':
      release(message.job);
      return;
    case 'finish':
      captures.get(message.job)?.finish(message);
      captures.delete(message.job);
      return;
    case 'drop':
      drop(message.job);
      return;
    case 'quit':
      port.close();
  }
}

port.on('message', (message: ToWorker) => {
  try {
    if (message.type !== 'quit') atWork = message.job;
    handle(message);
  } catch (error) {
    if (message.type !== 'quit') fail(message.job, error);
  }
  if (isWork(message)) send({ type: 'ready' });
});

Atomics.store(loaded, 0, 1);
Atomics.notify(loaded, 0);
