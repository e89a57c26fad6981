/**
 * What the main thread and the capture workers say to each other. Plain data; buffers are transferred.
 *
 * Shared memory carries what must be seen at once: how many bytes of a worker wait in the main thread, how many workers
 * have nothing to do, and what `job-control.ts` has of each job.
 */

import type { ComponentError } from '../../archive/components.ts';
import type { SealedObject } from '../../archive/frame-sealer.ts';
import type { Warning } from '../../archive/manifest.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import type { ContentKeysPlace, NotedContents } from './content-keys.ts';
import type { KeptLinks } from './link-records.ts';
import type { ParentFile } from './parent-pages.ts';

export interface CaptureTree {
  readonly name: string;
  readonly path: string;
  /** Device number within the snapshot: trees on one device share it. */
  readonly device: number;
  /** The device that was looked at for that, as `deviceText`; left out where there was none, and the number is nobody else's. */
  readonly seenOn?: string;
  readonly exclude: readonly string[];
  readonly include?: readonly string[];
  /** The parent has every name that its directories held: see `backup/known-names.ts`. */
  readonly namesKnown?: boolean;
}

export interface CaptureParent extends ParentFile {
  /** Of so many unchanged files one is read again in each run; 1 reads all. */
  readonly rereadEvery: number;
  /** Sequence of the new snapshot: another share in each run. */
  readonly turn: number;
  /** Left out or null: the index is small, or nothing is kept of it. */
  readonly contentKeys?: ContentKeysPlace | null;
}

export interface CaptureCounts {
  entries: number;
  files: number;
  directories: number;
  links: number;
  /** Apparent bytes of file contents, holes left out. */
  bytes: number;
  /** Entries that are as the parent has them, and those of which something differs. */
  kept: number;
  changed: number;
}

/** Memory that all workers of a pool share. */
export interface SharedByThreads {
  /** Workers idle while no task waits: others hand over sub-trees as long as it is above 0. */
  readonly hungry: Int32Array;
}

/** Shared memory of a pool and of one worker in it. */
export interface WorkerSetup extends SharedByThreads {
  /** Bytes this worker has sent that the main thread has not finished with. */
  readonly underWay: Int32Array;
  /** Size at which index pages are closed. */
  readonly pageBytes: number;
  /** Of this worker in its pool, from 1 on. */
  readonly number: number;
  /** Becomes 1 when it is ready for its first message. */
  readonly loaded: Int32Array;
}

/** What is to be captured. */
export interface BeginCapture {
  readonly trees: readonly CaptureTree[];
  /** What an incremental or differential compares with; null captures everything anew. */
  readonly parent: CaptureParent | null;
  /** Segments are encrypted to it; left out, they are stored plain. */
  readonly publicKey?: Uint8Array | null;
}

/** What the other workers of the account have for the final segment. */
export interface FinishCapture {
  readonly directories: readonly FinishedPage[];
  readonly linked: readonly FinishedPage[];
  readonly keptLinks: KeptLinks;
  /** When the job began. */
  readonly startedAtMs: number;
}

export type ToWorker =
  | ({
      readonly type: 'begin';
      readonly job: number;
      /** The time now, which the thread goes on counting. */
      readonly nowMs: number;
      /** See `jobControl`. */
      readonly control: Int32Array;
    } & BeginCapture)
  /** Capture one directory and what lies below. `path` is relative to the tree's root, latin1. */
  | { readonly type: 'task'; readonly job: number; readonly tree: number; readonly path: string }
  /** Close what is open and hand over what the final segment needs, unless that was done when a finisher was seen. */
  | { readonly type: 'release'; readonly job: number }
  /** Write the final segment: linked files, hard links, directories, end of archive. */
  | ({ readonly type: 'finish'; readonly job: number } & FinishCapture)
  /** The job failed: let go of what is held for it. */
  | { readonly type: 'drop'; readonly job: number }
  | { readonly type: 'quit' };

/** Whether a worker says `ready` after such a message. */
export const isWork = ({ type }: ToWorker): boolean =>
  type === 'task' || type === 'release' || type === 'finish';

export interface SegmentDone extends SealedObject {
  readonly number: number;
}

export interface PagePart {
  readonly row: number;
  /** Number of its first record in the parent's page. */
  readonly from: number;
}

export interface TreeFailure {
  readonly tree: number;
  readonly error: ComponentError;
}

export type FromWorker =
  | { readonly type: 'ready' }
  | {
      readonly type: 'bytes';
      readonly job: number;
      readonly number: number;
      readonly bytes: Uint8Array;
      /** Of the tar, which are done with these bytes. */
      readonly plainBytes: number;
    }
  | { readonly type: 'segment'; readonly job: number; readonly done: SegmentDone }
  | {
      readonly type: 'page';
      readonly job: number;
      readonly page: FinishedPage;
      /** Where the page is an unchanged part of one of the parent's, which several tasks share. */
      readonly part: PagePart | null;
    }
  /** A page that goes on, as it is where a segment ends: for the journal alone. */
  | { readonly type: 'noted'; readonly job: number; readonly page: FinishedPage }
  /** The parent's page with this row is referred to as it is. */
  | {
      readonly type: 'reuse';
      readonly job: number;
      readonly row: number;
      readonly objects: readonly number[];
    }
  | { readonly type: 'link-page'; readonly job: number; readonly page: FinishedPage }
  /** The parent's page of links with this row is referred to as it is. */
  | {
      readonly type: 'reuse-links';
      readonly job: number;
      readonly row: number;
      readonly objects: readonly number[];
    }
  | { readonly type: 'hand-over'; readonly job: number; readonly tree: number; readonly path: string }
  | {
      readonly type: 'task-done';
      readonly job: number;
      readonly tree: number;
      readonly counts: CaptureCounts;
      readonly failure: TreeFailure | null;
      /** Number of the segment that stays open, -1 for none. */
      readonly openSegment: number;
    }
  | {
      readonly type: 'released';
      readonly job: number;
      readonly directories: readonly FinishedPage[];
      readonly linked: readonly FinishedPage[];
      readonly keptLinks: KeptLinks;
      /** Null where no keys are kept. */
      readonly contents: NotedContents | null;
    }
  | {
      readonly type: 'finished';
      readonly job: number;
      readonly counts: CaptureCounts;
      /** Of trees whose linked files could not be read any more. */
      readonly failures: readonly TreeFailure[];
      readonly contents: NotedContents | null;
    }
  | { readonly type: 'warning'; readonly job: number; readonly warning: Warning }
  | { readonly type: 'failed'; readonly job: number; readonly code: string; readonly message: string };

/** How one account's capture in a worker speaks to the main thread, and hears of it. */
export interface JobOutlet {
  send(message: FromWorker): void;
  /** Sends bytes, after waiting until the main thread has taken enough of what was sent before. */
  sendBytes(job: number, number: number, bytes: Buffer, plainBytes: number): void;
  wantsHandOver(): boolean;
  claimHandOver(): boolean;
  /** @throws INTERRUPTED the job was stopped */
  checkStop(): void;
}

/** Bytes a worker may have under way before it waits. */
export const windowBytes = 24 * 1024 * 1024;
/** Tar bytes after which a segment is closed. A file is never split over segments. */
export const segmentLimitBytes = 512 * 1024 * 1024;
