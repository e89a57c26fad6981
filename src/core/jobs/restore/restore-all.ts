/**
 * Restores one snapshot each of many accounts, several at once, each into a directory of its own.
 *
 * Accounts share the worker threads, one thread each, so that small accounts cost no start of their own.
 * One that fails never stops the others.
 */

import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import type { Snapshot } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import { restore } from './restore.ts';
import { RestoreThreads } from './restore-threads.ts';
import type { Restriction } from './restriction.ts';
import type { RestoreEvent, RestoreReport } from './types.ts';

export interface RestoreAllRequest {
  readonly provider: KeyedProvider;
  readonly snapshots: readonly { readonly snapshot: Snapshot; readonly target: string }[];
  /** Null: everything is given back as it was. @throws what then becomes of the account */
  readonly restrictionOf: (snapshot: Snapshot) => Promise<Restriction | null>;
  readonly resume: boolean;
  /** Worker threads, and accounts under way at once. */
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: RestoreEvent) => void;
  readonly onOutcome: (outcome: RestoreOutcome) => void;
}

export type RestoreOutcome =
  | { readonly snapshot: Snapshot; readonly report: RestoreReport; readonly error: null }
  | { readonly snapshot: Snapshot; readonly report: null; readonly error: HoldfastError };

/** Outcomes in the order in which they ended. Never rejects but for defects. */
export async function restoreAll(request: RestoreAllRequest): Promise<readonly RestoreOutcome[]> {
  const pool = new RestoreThreads(request.threads);
  const outcomes: RestoreOutcome[] = [];
  try {
    await eachLimited(request.snapshots, pool.size, async (next) => {
      const outcome = await one(request, next, pool);
      outcomes.push(outcome);
      request.onOutcome(outcome);
    });
  } finally {
    await pool.close();
  }
  return outcomes;
}

async function one(
  request: RestoreAllRequest,
  { snapshot, target }: RestoreAllRequest['snapshots'][number],
  pool: RestoreThreads,
): Promise<RestoreOutcome> {
  const { provider, restrictionOf, resume, signal, onEvent } = request;
  try {
    signal.throwIfAborted();
    const restriction = await restrictionOf(snapshot);
    const whole = { paths: [], databases: [], everything: true, resume };
    const report = await restore({
      ...{ provider, snapshot, target, ...whole, threads: 1, pool, signal, onEvent },
      ...(restriction === null ? {} : { restriction }),
    });
    return { snapshot, report, error: null };
  } catch (cause) {
    if (signal.aborted) {
      return {
        snapshot,
        report: null,
        error: new HoldfastError('INTERRUPTED', 'the restore was interrupted', { cause }),
      };
    }
    const error = isHoldfastError(cause) ? cause : new HoldfastError('INTERNAL', String(cause), { cause });
    return { snapshot, report: null, error };
  }
}
