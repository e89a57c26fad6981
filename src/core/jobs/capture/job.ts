/**
 * One account in the capture pool: its waiting sub-trees, its open bodies, what came of it so far.
 */

import { releaseBuffer } from '../../archive/frames.ts';
import type { Warning } from '../../archive/manifest.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import { ByteQueue } from '../../byte-queue.ts';
import { joined, type NotedContents } from './content-keys.ts';
import { noCounts } from './counts.ts';
import type { ExpectedWork } from './expected-work.ts';
import type {
  BeginCapture,
  CaptureCounts,
  CaptureParent,
  CaptureTree,
  FromWorker,
  PagePart,
  SegmentDone,
  TreeFailure,
} from './messages.ts';
import { credit, type Thread } from './thread.ts';

export interface CaptureSink {
  /** A segment begins; its bytes follow in `body`, which must be read to its end or abandoned. */
  segment(number: number, body: ByteQueue): void;
  /** So many bytes of tar are done, of any segment. */
  progress(plainBytes: number): void;
  segmentDone(done: SegmentDone): void;
  page(page: FinishedPage, part: PagePart | null): void;
  /** What is known by now of a page that is still to come. */
  noted(page: FinishedPage): void;
  /** The parent's page with this row, which refers to these objects. */
  reuse(row: number, objects: readonly number[]): void;
  linkPage(page: FinishedPage): void;
  /** As `reuse`, for pages of links. */
  reuseLinks(row: number, objects: readonly number[]): void;
  warning(warning: Warning): void;
}

export interface CaptureRequest extends BeginCapture {
  readonly firstNumber: number;
  readonly signal: AbortSignal;
}

export interface CaptureResult {
  readonly counts: CaptureCounts;
  /** Null for a full, and where no keys are kept. */
  readonly contents: NotedContents | null;
  /** Per tree, by its number. */
  readonly trees: readonly { counts: CaptureCounts; endedAtMs: number; failure: TreeFailure | null }[];
}

export interface Job {
  readonly id: number;
  readonly trees: readonly CaptureTree[];
  readonly parent: CaptureParent | null;
  readonly work: ExpectedWork;
  readonly publicKey: Uint8Array | null;
  readonly startedAtMs: number;
  readonly control: Int32Array;
  readonly sink: CaptureSink;
  readonly results: { counts: CaptureCounts; endedAtMs: number; failure: TreeFailure | null }[];
  readonly queue: { tree: number; path: string }[];
  readonly bodies: Map<number, ByteQueue>;
  /** Workers that hold a part of this job, with the number of their open segment. */
  readonly parts: Map<Thread, number>;
  readonly directories: FinishedPage[];
  readonly linked: FinishedPage[];
  readonly keptLinks: Map<string, string>;
  readonly contents: NotedContents[];
  running: number;
  phase: 'walk' | 'release' | 'finish';
  finisher: Thread | null;
  resolve(result: CaptureResult): void;
  reject(error: unknown): void;
}

export function newJob(
  id: number,
  trees: readonly CaptureTree[],
  rest: Pick<Job, 'parent' | 'work' | 'publicKey' | 'control' | 'sink' | 'resolve' | 'reject'> & {
    readonly nowMs: number;
  },
): Job {
  const { nowMs, ...given } = rest;
  return {
    id,
    trees,
    startedAtMs: nowMs,
    ...given,
    results: trees.map(() => ({ counts: noCounts(), endedAtMs: nowMs, failure: null })),
    queue: trees.map((_, tree) => ({ tree, path: '' })),
    bodies: new Map(),
    parts: new Map(),
    directories: [],
    linked: [],
    keptLinks: new Map(),
    contents: [],
    running: 0,
    phase: 'walk',
    finisher: null,
  };
}

export function addCounts(to: CaptureCounts, from: CaptureCounts): CaptureCounts {
  to.entries += from.entries;
  to.files += from.files;
  to.directories += from.directories;
  to.links += from.links;
  to.bytes += from.bytes;
  to.kept += from.kept;
  to.changed += from.changed;
  return to;
}

/** Bytes of a segment, on their way to the sink; the first ones announce the segment. */
export function takeBytes(thread: Thread, job: Job, number: number, bytes: Uint8Array): void {
  let body = job.bodies.get(number);
  if (body === undefined) {
    body = new ByteQueue((piece) => {
      credit(thread, piece.length);
      // A worker has given the buffer away whole, and whoever takes pieces copies what it keeps. Left to the
      // collector, gigabytes of such buffers cost a fifth of a backup's processor time.
      releaseBuffer(piece);
    });
    job.bodies.set(number, body);
    job.sink.segment(number, body);
  }
  body.push(bytes);
}

/** One of its sub-trees is done, by a thread that stays with it. */
export function endTask(
  thread: Thread,
  job: Job,
  { tree, counts, failure, openSegment }: FromWorker & { readonly type: 'task-done' },
  nowMs: number,
): void {
  const result = job.results[tree]!;
  addCounts(result.counts, counts);
  result.endedAtMs = nowMs;
  result.failure ??= failure;
  job.parts.set(thread, openSegment);
  job.running--;
}

/** A thread has let go of it, and leaves what the final segment needs. */
export function endPart(
  thread: Thread,
  job: Job,
  { directories, linked, keptLinks, contents }: FromWorker & { readonly type: 'released' },
): void {
  job.directories.push(...directories);
  job.linked.push(...linked);
  for (const [key, ctime] of keptLinks) job.keptLinks.set(key, ctime);
  if (contents !== null) job.contents.push(contents);
  job.parts.delete(thread);
}

/** What all its threads have stored; `last` has finished it. */
export function resultOf(job: Job, last: FromWorker & { readonly type: 'finished' }): CaptureResult {
  for (const failure of last.failures) job.results[failure.tree]!.failure ??= failure;
  const counts = [...job.results, last].reduce((sum, part) => addCounts(sum, part.counts), noCounts());
  const parts = last.contents === null ? [] : [...job.contents, last.contents];
  const all = parts.find((part) => part.all !== null)?.all ?? null;
  const contents = parts.length === 0 ? null : { all, added: joined(parts.map(({ added }) => added)) };
  return { counts, contents, trees: job.results };
}

/** Hands a result on to the sink. False where the message is not one. */
export function deliver(job: Job, message: FromWorker): boolean {
  switch (message.type) {
    case 'segment': {
      const { done } = message;
      job.sink.segmentDone(done);
      job.bodies.get(done.number)?.end();
      job.bodies.delete(done.number);
      return true;
    }
    case 'page':
      job.sink.page(message.page, message.part);
      return true;
    case 'noted':
      job.sink.noted(message.page);
      return true;
    case 'reuse':
      job.sink.reuse(message.row, message.objects);
      return true;
    case 'link-page':
      job.sink.linkPage(message.page);
      return true;
    case 'warning':
      job.sink.warning(message.warning);
      return true;
    case 'reuse-links':
      job.sink.reuseLinks(message.row, message.objects);
      return true;
    default:
      return false;
  }
}
