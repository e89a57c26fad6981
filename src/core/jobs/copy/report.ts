/**
 * What is told of a copy that was brought up to date, or was not. Plain data, and rules over it.
 */

import type { Store } from '../../contracts/store.ts';
import { type ErrorCode, errorCodes, HoldfastError, isHoldfastError } from '../../errors.ts';
import { statusWithLater } from '../../exit-status.ts';
import type { ListedSnapshot } from '../catalog.ts';

export interface CopyFailure {
  /** Id of the snapshot, or its manifest's key where that cannot be read; of a pin or a legal hold the key of its event. */
  readonly snapshot: string;
  readonly error: HoldfastError;
}

export interface CopyReport {
  readonly name: string;
  /** Snapshots that were copied by this run. */
  readonly copied: number;
  /** Objects that were sent, manifests included, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** Snapshots of the main store that nobody signed who is trusted here, which are not copied. */
  readonly untrusted: number;
  /** Snapshots it should have and lacks, tried or not; null where that could not be found out. */
  readonly lacking: number | null;
  /** Pins, legal holds and ends of them that the copy takes not, by its credentials: no failure, since that may be meant. */
  readonly deniedEvents: number;
  readonly failures: readonly CopyFailure[];
  /** COPY_FAILED, ACCOUNT_LOCKED or INTERRUPTED; null where the copy has everything it should have. */
  readonly error: HoldfastError | null;
}

/** Of a run whose backups ended with `exitStatus`: a failed copy outranks warnings, not other errors. */
export function statusWithCopies(exitStatus: number, reports: readonly CopyReport[]): number {
  const errors = reports.flatMap(({ error }) => (error === null ? [] : [errorCodes[error.code].exit]));
  return statusWithLater(exitStatus, Math.max(0, ...errors));
}

/**
 * The error of a whole copy, or null.
 *
 * @param caught what ended it early, or null
 */
export function verdictOn(
  { name, lacking, failures }: Pick<CopyReport, 'name' | 'lacking' | 'failures'>,
  caught: unknown,
  interrupted: boolean,
): HoldfastError | null {
  if (caught === null && failures.length === 0) return null;
  const fail = (code: ErrorCode, message: string, cause: unknown, hint?: string): HoldfastError =>
    new HoldfastError(code, message, { cause, ...(hint === undefined ? {} : { hint }) });
  if (interrupted) return fail('INTERRUPTED', `the copy ${name} was interrupted`, caught);
  if (caught !== null) {
    const { message, hint } = asError(caught);
    return fail('COPY_FAILED', `the copy ${name} failed: ${message}`, caught, hint);
  }
  // Whatever else went wrong matters more than an account that is busy.
  const { snapshot, error } = failures.find((one) => !isLocked(one.error)) ?? failures[0]!;
  const snapshots = `${lacking} snapshot${lacking === 1 ? '' : 's'}`;
  const lacks = lacking === 0 ? 'what protects snapshots' : snapshots;
  const message = `the copy ${name} lacks ${lacks}; ${snapshot}: ${error.message}`;
  if (!isLocked(error)) return fail('COPY_FAILED', message, error, error.hint);
  return fail('ACCOUNT_LOCKED', message, error, 'Wait for the next run, which copies it.');
}

/** It concerns one snapshot alone. */
export const isDamage = ({ code }: HoldfastError): boolean => /^(?:OBJECT|FORMAT)_/.test(code);

export const isLocked = ({ code }: HoldfastError): boolean => code === 'ACCOUNT_LOCKED';

export function asError(caught: unknown): HoldfastError {
  if (isHoldfastError(caught)) return caught;
  const message = caught instanceof Error ? caught.message : String(caught);
  return new HoldfastError('INTERNAL', message, { cause: caught, hint: 'Please report this as a defect.' });
}

/** Of a main store whose credentials only put. */
export function unreadable(): HoldfastError {
  return new HoldfastError('STORE_DENIED', 'the main store is put-only, so nothing can be copied from it', {
    hint: 'Give the main store credentials that can read, or copy it from a server that can.',
  });
}

/** Whether the main store let go of a snapshot since it was listed. @param error what came of its copy */
export async function isGoneFrom(
  store: Store,
  {
    error,
    listed: { key },
    signal,
  }: { readonly error: HoldfastError; readonly listed: ListedSnapshot; readonly signal: AbortSignal },
): Promise<boolean> {
  if (error.code !== 'OBJECT_MISSING') return false;
  return store.head({ key, signal }).then(
    (info) => info === null,
    () => false,
  );
}
