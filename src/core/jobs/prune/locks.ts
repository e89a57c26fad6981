/**
 * Snapshots that retention lets go and object lock does not: they stay, and it is said until when.
 *
 * They count as kept in every respect, so that what they need stays as well.
 */

import type { Store } from '../../contracts/store.ts';
import { lockRulesOf } from '../extend-locks.ts';
import type { Decision } from '../retention/types.ts';
import type { PrunableSnapshot, PruneRequest } from './types.ts';

/** Null where nothing keeps the object from being removed now, as far as the store tells. */
export async function lockEnd(
  store: Store,
  key: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<number | null> {
  // Also where nobody could ask whether the place has locks.
  if (!store.capabilities.objectLock && lockRulesOf(store) === null) return null;
  const until = (await store.head({ key, signal }))?.lockedUntilMs ?? null;
  return until !== null && until > nowMs ? until : null;
}

export async function sparedByLocks(
  { store, signal }: Pick<PruneRequest, 'store' | 'signal'>,
  decisions: readonly Decision<PrunableSnapshot>[],
  nowMs: number,
): Promise<Decision<PrunableSnapshot>[]> {
  const spared: Decision<PrunableSnapshot>[] = [];
  for (const decision of decisions) {
    let until: number | null = null;
    for (const { key } of decision.keep ? [] : decision.snapshot.manifests) {
      const end = await lockEnd(store, key, nowMs, signal);
      if (end !== null) until = Math.max(until ?? 0, end);
    }
    spared.push(until === null ? decision : { ...decision, keep: true, reasons: [lockedText(until)] });
  }
  return spared;
}

const lockedText = (untilMs: number): string =>
  `locked by the store until ${new Date(untilMs).toISOString().slice(0, 16)}Z`;
