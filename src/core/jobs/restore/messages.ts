/**
 * What the main thread and the restore workers say to each other.
 */

import type { FinishedPage } from '../../archive/pages.ts';
import type { ObjectRow } from '../../archive/root.ts';
import { type ErrorCode, HoldfastError, isHoldfastError } from '../../errors.ts';
import type { Restriction } from './restriction.ts';

export interface RestoreWorkerSetup {
  /** Descriptor of the target directory; descriptors are shared by all threads. */
  readonly target: number;
  readonly objects: readonly ObjectRow[];
  readonly resume: boolean;
  /** The target takes several names for one. */
  readonly alike: boolean;
  /** Check contents instead of writing them. */
  readonly verifyOnly: boolean;
  readonly restriction: Restriction | null;
}

export interface PageWork {
  readonly plain: Uint8Array;
  readonly digest: Uint8Array;
  /** Path of its first entry, and how many it has. */
  readonly first: Uint8Array;
  readonly count: number;
  /** Only entries within one of these paths; null for all. */
  readonly within: readonly Uint8Array[] | null;
}

/** A HoldfastError as a message; of anything else only the text is kept. */
export interface ToldError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
}

export function tellError(error: unknown): ToldError {
  const { message } = error as Error;
  return isHoldfastError(error)
    ? { code: error.code, message, hint: error.hint }
    : { code: 'INTERNAL', message, hint: undefined };
}

export const toldError = ({ code, message, hint }: ToldError): HoldfastError =>
  new HoldfastError(code, message, hint === undefined ? {} : { hint });

export type ToRestoreWorker =
  /** First of a job; what is left of the job before is forgotten. */
  | { readonly type: 'begin'; readonly setup: RestoreWorkerSetup }
  | { readonly type: 'pages'; readonly pages: readonly PageWork[] }
  | { readonly type: 'frame'; readonly id: number; readonly bytes: Uint8Array }
  | ({ readonly type: 'no-frame'; readonly id: number } & ToldError)
  /** Answered by `ended`; the thread is then ready for another job. */
  | { readonly type: 'end' }
  | { readonly type: 'quit' };

export type FromRestoreWorker =
  | { readonly type: 'want'; readonly id: number; readonly object: number; readonly frame: number }
  | {
      readonly type: 'progress';
      readonly entries: number;
      readonly bytes: number;
      readonly kept: number;
    }
  | { readonly type: 'warning'; readonly code: string; readonly path: Uint8Array; readonly message: string }
  | { readonly type: 'failure'; readonly path: Uint8Array; readonly message: string }
  | { readonly type: 'pages-done' }
  | ({ readonly type: 'fatal' } & ToldError)
  | ({ readonly type: 'ended' } & Leftovers);

/** Entries for the last steps of a restore. */
export interface Leftovers {
  readonly directories: readonly FinishedPage[];
  readonly linked: readonly FinishedPage[];
  /** Of which `chattr` had set something. */
  readonly protected: readonly FinishedPage[];
}
