/**
 * Pins and legal holds: set on a snapshot, or a hold on all of an account, and ended again.
 *
 * Both keep prune away; a hold also keeps off an erasure. Each is an event of its own, so setting one twice
 * makes two, and ending ends all of its kind there.
 */

import type { Store } from '../contracts/store.ts';
import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import { HoldfastError } from '../errors.ts';
import { type AnySnapshot, listSnapshots } from './catalog.ts';
import {
  type AccountEvent,
  type EndEvent,
  type EventWorld,
  readProtections,
  type SnapshotRef,
  writeEvent,
} from './events.ts';
import { readPruned, removalMs } from './prune-events.ts';
import type { Trust } from './trust.ts';

/** What is protected: one snapshot, or all that an account has and will have on a server. */
export type PinTarget =
  | { readonly snapshot: Pick<AnySnapshot, 'header' | 'key' | 'name'> }
  | { readonly snapshot: null; readonly server: string; readonly owner: string };

export interface PinRequest {
  readonly store: Store;
  readonly provider: KeyedProvider;
  readonly target: PinTarget;
  /** Whose pins and holds there are to end; left out: everybody's. */
  readonly trust?: Trust;
  readonly world: EventWorld;
  readonly signal: AbortSignal;
}

export type PinDetails =
  | { readonly kind: 'pin'; readonly reason: string; readonly untilMs: number | null }
  | { readonly kind: 'hold'; readonly reason: string };

/** As long as prune removes after its event, and as much for clocks that differ and a removal that takes its time. */
const recentMs = 2 * removalMs;

/**
 * Resolves when the protection stands.
 *
 * @throws USAGE no reason, or an end that has passed
 * @throws SNAPSHOT_NOT_FOUND the snapshot was removed meanwhile
 * @throws ACCOUNT_LOCKED it is written, and a prune that may not have seen it removes what it should protect
 */
export async function pin(request: PinRequest, details: PinDetails): Promise<AccountEvent> {
  const { store, provider, target, world, signal } = request;
  const untilMs = details.kind === 'pin' ? details.untilMs : null;
  if (details.reason.trim() === '') {
    throw new HoldfastError('USAGE', 'a pin needs a reason', { hint: 'Add --reason TEXT.' });
  }
  if (untilMs !== null && untilMs <= world.now()) {
    throw new HoldfastError('USAGE', `the pin would have ended at ${new Date(untilMs).toISOString()}`, {
      hint: 'Give a day that is to come, or leave out --until.',
    });
  }
  const until = untilMs === null ? null : new Date(untilMs).toISOString();
  const { kind, reason } = details;
  const event = await writeEvent(provider, { kind, ...placeOf(target), reason, until }, world, signal);
  // Prune writes an event, looks at pins, then removes: one of the two sees the other.
  if (target.snapshot !== null && (await store.head({ key: target.snapshot.key, signal })) === null) {
    throw new HoldfastError('SNAPSHOT_NOT_FOUND', `${target.snapshot.name} was removed meanwhile`, {
      hint: 'Run `holdfast snapshots` to see what is left.',
    });
  }
  if (await isGoing(request)) {
    const what = target.snapshot === null ? 'snapshots of the account' : target.snapshot.name;
    const message = `prune may be removing ${what} at this moment; the ${kind} is written and may have come too late`;
    throw new HoldfastError('ACCOUNT_LOCKED', message, {
      hint: 'Look with `holdfast snapshots` what is left, and run the command again in two hours to be sure.',
    });
  }
  return event;
}

/** Whether a prune that is perhaps still at work has said that it removes something of the target that is there. */
async function isGoing({ store, provider, target, world, signal }: PinRequest): Promise<boolean> {
  const { server, owner } = placeOf(target);
  const sinceMs = world.now() - recentMs;
  // Whoever signed it: one who lies here keeps a hold from being vouched for, not from being there.
  const { removed, unreadable } = await readPruned({ store, provider, server, owner, sinceMs, signal });
  if (removed.length === 0 && unreadable.length === 0) return false;
  const left =
    target.snapshot === null
      ? await listSnapshots(store, { server, owner }, signal)
      : [target.snapshot.header];
  return unreadable.length > 0 || left.some(({ id }) => removed.some((one) => one.id === id));
}

/**
 * Ends all pins, or holds, of exactly this snapshot, or of the account as a whole.
 *
 * @returns what ended them; null where there was none, and nothing is written
 */
export async function unpin(request: PinRequest, kind: 'pin' | 'hold'): Promise<EndEvent | null> {
  const { target, world, signal } = request;
  const place = placeOf(target);
  const { standing } = await readProtections(request, place, signal);
  const id = place.snapshot?.id ?? null;
  const ends = standing.filter((one) => one.kind === kind && (one.snapshot?.id ?? null) === id);
  if (ends.length === 0) return null;
  const ending = {
    kind: kind === 'pin' ? 'unpin' : 'release',
    ...place,
    ends: ends.map((one) => one.id),
  } as const;
  return (await writeEvent(request.provider, ending, world, signal)) as EndEvent;
}

function placeOf(target: PinTarget): {
  readonly server: string;
  readonly owner: string;
  readonly snapshot: SnapshotRef | null;
} {
  if (target.snapshot === null) {
    const { server, owner } = target;
    return { server, owner, snapshot: null };
  }
  const { server, owner, id, lineage, sequence, digest } = target.snapshot.header;
  return { server, owner, snapshot: { id, lineage, sequence, digest } };
}
