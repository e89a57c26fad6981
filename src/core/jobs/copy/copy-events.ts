/**
 * Copies pins, legal holds and what ends them: a copy that has to stand for the main store keeps what that keeps.
 *
 * They go as they are, under their keys, so that their signatures hold, and an end finds in the copy what it ends. What
 * was pinned or ended in the copy alone stays so. Goes before the snapshots, which the copy's retention judges by them;
 * and the ends last, so that an interruption keeps too much rather than too little. What nobody trusted signed is
 * nothing to the main store either, and stays behind.
 */

import { parseEventKey } from '../../archive/keys.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { bytesOf } from '../../streams.ts';
import { eachLimited } from '../each-limited.ts';
import { readEventObject } from '../event-object.ts';
import { protectingKinds, protectionKeys } from '../events.ts';
import { standingOf, type Trust } from '../trust.ts';
import { walk, walkOwners } from '../walk.ts';
import type { CopyPath } from './copy-one.ts';
import type { CopyRecord } from './copy-record.ts';
import { type CopyFailure, isDamage } from './report.ts';

const accountsAtOnce = 4;

type EventPath = Pick<CopyPath, 'source' | 'target' | 'signal' | 'onSent'>;

interface EventsOfOwner {
  readonly owner: string;
  /** In the order in which they go. */
  readonly keys: readonly string[];
}

export interface EventsOutcome {
  /** How many the copy's credentials do not let in, which may be meant. */
  readonly denied: number;
  /** Of those that are damaged in the main store. */
  readonly failures: readonly CopyFailure[];
}

/**
 * Costs one listing of the server's events, and one in the copy for each account that has a pin or a hold.
 *
 * Whatever does not come, the snapshots shall.
 *
 * @throws STORE_UNAVAILABLE, STORE_FULL; STORE_DENIED one of the stores cannot be listed
 */
export async function copyEvents(
  path: EventPath,
  { server, trust }: { readonly server: string; readonly trust?: Trust | undefined },
  record: Pick<CopyRecord, 'events' | 'judgeAnew'>,
): Promise<EventsOutcome> {
  const accounts: EventsOfOwner[] = [];
  for await (const { owner, objects } of walkOwners(path.source.store, `events/${server}/`, path.signal)) {
    const keys = protectionKeys(objects.map(({ key }) => key));
    if (keys.length > 0) accounts.push({ owner, keys });
  }
  const named = new Set(accounts.flatMap(({ keys }) => keys));
  for (const key of record.events) if (!named.has(key)) record.events.delete(key);
  const failures: CopyFailure[] = [];
  let denied = 0;
  await eachLimited(accounts, accountsAtOnce, async ({ owner, keys }) => {
    const there = await eventsThere(path, { server, owner }, record);
    for (const key of keys) {
      try {
        if (!there.has(key) && !(await copyEvent(path, key, trust))) continue;
        if (record.events.has(key)) continue;
        record.events.add(key);
        record.judgeAnew(owner);
      } catch (error) {
        path.signal.throwIfAborted();
        if (!isHoldfastError(error)) throw error;
        if (isDamage(error)) failures.push({ snapshot: key, error });
        else if (error.code === 'STORE_DENIED') denied += 1;
        else throw error;
      }
    }
  });
  return { denied, failures };
}

async function eventsThere(
  { target: { store }, signal }: EventPath,
  { server, owner }: { readonly server: string; readonly owner: string },
  { events }: Pick<CopyRecord, 'events'>,
): Promise<ReadonlySet<string>> {
  if (store.capabilities.putOnly) return new Set(events);
  const there = new Set<string>();
  for await (const { key } of walk(store, `events/${server}/${owner}/`, signal)) there.add(key);
  return there;
}

/**
 * Safe to repeat.
 *
 * @returns false where it counts for nothing in the main store
 * @throws OBJECT_DAMAGED a pin or a hold that cannot be read, which protects in the main store whatever it may mean
 */
export async function copyEvent(
  { source, target, signal, onSent }: EventPath,
  key: string,
  trust: Trust | undefined,
): Promise<boolean> {
  const name = parseEventKey(key);
  if (name === null) return false;
  const found = await readEventObject(source.provider, key, name, signal);
  if (found === null) {
    if (!protectingKinds.includes(name.kind)) return false;
    throw new HoldfastError('OBJECT_DAMAGED', `event ${key} is damaged, and may be a legal hold`, {
      hint: 'Set it again with holdfast pin, then remove that object from the main store.',
    });
  }
  if (trust !== undefined && standingOf(found, trust) !== 'trusted') return false;
  const { bytes } = found;
  try {
    const put = { kind: 'event', key, body: bytesOf(bytes), sizeBytes: bytes.length } as const;
    await target.provider.put({ ...put, createOnly: true, signal });
    onSent(bytes.length);
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'OBJECT_EXISTS') throw error;
  }
  return true;
}
