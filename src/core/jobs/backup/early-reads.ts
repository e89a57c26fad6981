/**
 * What a run asks its store before the first account, all of it at once: each answer of a far store takes its time.
 *
 * Only reads, and nothing is concluded from an answer until the store is known to be ours. Of a store that cannot
 * be read nothing is asked.
 */

import { isAhead } from '../../ahead.ts';
import type { Store } from '../../contracts/store.ts';
import { holdsKeys } from '../../encryption/owner-keys.ts';
import { listByOwner } from '../list-by-owner.ts';

export interface EarlyReads {
  /** When each account's last complete snapshot was made, by owner, milliseconds. */
  readonly lastGood: Promise<ReadonlyMap<string, number>>;
  /** Whether the store holds keys of encrypted snapshots of this server; null where it cannot be read. */
  readonly hasKeys: Promise<boolean | null>;
  /** Ends what is still under way; nobody waits for it any more. */
  abandon(): void;
}

/** @param wanted `keys`: whether anybody will ask for `hasKeys` */
export function readEarly(
  store: Store,
  server: string,
  wanted: { readonly keys: boolean; readonly nowMs: number },
  signal: AbortSignal,
): EarlyReads {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const { putOnly } = store.capabilities;
  const lastGood = putOnly
    ? Promise.resolve(new Map<string, number>())
    : readLastGood(store, { server, nowMs: wanted.nowMs }, both);
  const hasKeys = putOnly || !wanted.keys ? Promise.resolve(null) : holdsKeys(store, server, both);
  // Failures belong to whoever asks for the answers.
  for (const read of [lastGood, hasKeys]) read.catch(() => {});
  return { lastGood, hasKeys, abandon: () => stop.abort() };
}

async function readLastGood(
  store: Store,
  { server, nowMs }: { readonly server: string; readonly nowMs: number },
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const lastGood = new Map<string, number>();
  for await (const listed of listByOwner(store, { server }, signal)) {
    const good = listed.findLast(({ state, atMs }) => state === 'complete' && !isAhead(atMs, nowMs));
    if (good !== undefined) lastGood.set(good.owner, good.atMs);
  }
  return lastGood;
}
