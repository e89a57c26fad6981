/**
 * Entry point of a restore worker thread: restores pages, asks the main thread for stored frames.
 */

import { parentPort } from 'node:worker_threads';
import { HoldfastError } from '../../errors.ts';
import { leaveNetwork } from '../../filesystem/native-process.ts';
import { systemXattrs } from '../../filesystem/xattrs.ts';
import { Frames } from './frames.ts';
import {
  type FromRestoreWorker,
  type PageWork,
  type RestoreWorkerSetup,
  type ToRestoreWorker,
  tellError,
  toldError,
} from './messages.ts';
import { PageRestorer } from './page-restorer.ts';

// Who writes into accounts as root has nobody to talk to.
leaveNetwork();

const port = parentPort!;
const send = (message: FromRestoreWorker): void => port.postMessage(message);
const waiting = new Map<number, { resolve: (bytes: Uint8Array) => void; reject: (error: Error) => void }>();
let nextId = 1;
let stopped = false;

const interrupted = (): HoldfastError => new HoldfastError('INTERRUPTED', 'the restore was interrupted');

function wantFrame(object: number, frame: number): Promise<Uint8Array> {
  const id = nextId++;
  return new Promise((resolve, reject) => {
    if (stopped) return reject(interrupted());
    waiting.set(id, { resolve, reject });
    send({ type: 'want', id, object, frame });
  });
}

const counted = { entries: 0, bytes: 0, kept: 0 };
function report(force: boolean): void {
  if (counted.entries === 0 || (!force && counted.entries < 200 && counted.bytes < 16 * 1024 * 1024)) return;
  send({ type: 'progress', ...counted });
  Object.assign(counted, { entries: 0, bytes: 0, kept: 0 });
}

function begin(setup: RestoreWorkerSetup): PageRestorer {
  const objects = setup.objects.map((row) => ({ ...row, sha256: Buffer.from(row.sha256) }));
  return new PageRestorer({
    ...setup,
    frames: new Frames(objects, wantFrame),
    xattrs: systemXattrs,
    outlet: {
      warn: (code, path, message) => send({ type: 'warning', code, path, message }),
      failed: (path, message) => send({ type: 'failure', path, message }),
      progress(entries, bytes) {
        counted.entries += entries;
        counted.bytes += bytes;
        report(false);
      },
      kept: () => counted.kept++,
    },
    checkStop() {
      if (stopped) throw interrupted();
    },
  });
}

let pages: PageRestorer | null = null;
/** Pages one after the other: they share open directories. */
let work = Promise.resolve();

function stop(): void {
  stopped = true;
  for (const { reject } of waiting.values()) reject(interrupted());
  waiting.clear();
}

async function restorePages(batch: readonly PageWork[]): Promise<void> {
  try {
    await pages!.run(batch);
    report(true);
    send({ type: 'pages-done' });
  } catch (error) {
    send({ type: 'fatal', ...tellError(error) });
  }
}

function end(): void {
  const leftovers = pages!.end();
  pages = null;
  send({ type: 'ended', ...leftovers });
}

function quit(): void {
  pages?.end();
  port.close();
}

port.on('message', (message: ToRestoreWorker) => {
  switch (message.type) {
    case 'begin':
      pages = begin(message.setup);
      return;
    case 'frame':
      waiting.get(message.id)?.resolve(message.bytes);
      waiting.delete(message.id);
      return;
    case 'no-frame':
      waiting.get(message.id)?.reject(toldError(message));
      waiting.delete(message.id);
      return;
    case 'pages':
      work = work.then(() => restorePages(message.pages));
      return;
    case 'end':
      work = work.then(end);
      return;
    case 'quit':
      stop();
      work = work.then(quit);
  }
});
