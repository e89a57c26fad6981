/**
 * What a run asks its store before the first account, all of it at once: each answer of a far store takes its time.
 *
 * Only reads, and nothing is concluded from an answer until the store is known to be ours. Of a store that cannot
 * be read nothing is asked.
 */

import { isAhead } from '../../ahead.ts';
import type { Store } from '../../contracts/store.ts';
import { allUuids, type ServerIdentity } from '../../state/server-identity.ts';
import { listByOwner } from '../list-by-owner.ts';
import { type EncryptedBeside, encryptedBeside } from './encrypted-beside.ts';

export interface EarlyReads {
  /** When each account's last complete snapshot was made, by owner, milliseconds. */
  readonly lastGood: Promise<ReadonlyMap<string, number>>;
  /** Null where the store cannot be read. */
  readonly beside: Promise<EncryptedBeside | null>;
  /** Ends what is still under way; nobody waits for it any more. */
  abandon(): void;
}

/** @param wanted `plain`: whether anybody will ask for `beside` */
export function readEarly(
  store: Store,
  identity: ServerIdentity,
  wanted: { readonly plain: boolean; readonly nowMs: number },
  signal: AbortSignal,
): EarlyReads {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const { putOnly } = store.capabilities;
  const lastGood = putOnly
    ? Promise.resolve(new Map<string, number>())
    : readLastGood(store, { server: identity.uuid, nowMs: wanted.nowMs }, both);
  const beside =
    putOnly || !wanted.plain ? Promise.resolve(null) : encryptedBeside(store, allUuids(identity), both);
  // Failures belong to whoever asks for the answers.
  for (const read of [lastGood, beside]) read.catch(() => {});
  return { lastGood, beside, abandon: () => stop.abort() };
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
