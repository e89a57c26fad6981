/**
 * Prune: removes the snapshots that retention lets go, and the objects that nothing names any more.
 *
 * Order: events, manifests, then objects. A crash between any two leaves space unused and nothing broken,
 * and the next run goes on. It refuses by itself where the result would surprise: see `Refusal`.
 */

import { errorCodes, HoldfastError } from '../../errors.ts';
import { clockToleranceMs } from '../retention/decide.ts';
import { storeClocks } from './clock.ts';
import { type RemovedManifests, removeManifests } from './manifests.ts';
import { pruneObjects } from './objects.ts';
import { Remover } from './remover.ts';
import { type Survey, survey } from './survey.ts';
import type { PrunedSnapshot, PruneReport, PruneRequest, Refusal } from './types.ts';

/** What the store got more recently is never removed. */
const graceMs = 24 * 3_600_000;
/** Of the snapshots, where nothing else is configured; and how many may go whatever their share. */
const usualShare = 0.5;
const handful = 5;
const shownKeys = 20;

/**
 * Safe to repeat and to interrupt.
 *
 * @throws STORE_DENIED the store cannot be listed
 * @throws STORE_UNAVAILABLE, INTERRUPTED what was removed until then stays removed
 */
export async function prune(request: PruneRequest): Promise<PruneReport> {
  const { store, apply, world } = request;
  if (store.capabilities.putOnly) {
    throw new HoldfastError('STORE_DENIED', 'these credentials can neither list nor remove', {
      hint: 'Run prune where credentials can, which may be another machine.',
    });
  }
  const nowMs = world.now();
  const clocks = [nowMs, ...(apply ? await storeClocks(request) : [])];
  const times = { nowMs, graceFromMs: Math.min(...clocks) - graceMs };
  const found = await survey(request, times);
  const clock = clockRefusal(nowMs, clocks);
  const share = shareRefusal(request, found);
  const refusals = [...found.refusals, ...clock, ...share];
  const remover = apply && clock.length + share.length === 0 ? new Remover(request) : null;
  const manifests = remover === null ? null : await removeManifests(request, found.owners.values(), remover);
  const objects = await pruneObjects(request, {
    found,
    times,
    gone: manifests?.keys ?? new Set(),
    finished: manifests?.finished ?? null,
    remover: found.objectsAreUncertain ? null : remover,
  });
  refusals.push(...(manifests?.changed ?? []).map(pinnedMeanwhile));
  refusals.push(...objects.refusals);
  if (objects.stopped !== null) refusals.push(newDamage(objects.stopped));
  const locked = [...new Set([...(manifests?.locked ?? []), ...objects.locked])];
  const denied = remover?.denied ?? 0;
  const unknown = [...found.unknownKeys, ...objects.unknown];
  return {
    snapshots: prunedSnapshots(found, manifests),
    refusals,
    objects: found.objectsAreUncertain ? { count: 0, bytes: 0 } : objects.unneeded,
    removed: remover?.removed ?? { count: 0, bytes: 0 },
    waiting: objects.waiting,
    untrusted: [...found.owners.values()].reduce((sum, { untrusted }) => sum + untrusted, 0),
    untrustedEvents: [...found.owners.values()].reduce((sum, one) => sum + one.untrustedEvents, 0),
    kept: { ...(remover?.locked ?? { count: 0, bytes: 0 }), ends: remover?.lockEnds ?? null },
    denied,
    locked,
    unknown: { count: unknown.length, first: unknown.slice(0, shownKeys) },
    exitStatus: statusOf(refusals.length, denied, locked.length),
  };
}

function statusOf(refusals: number, denied: number, locked: number): number {
  if (refusals > 0) return errorCodes.PRUNE_REFUSED.exit;
  if (denied > 0) return errorCodes.STORE_DENIED.exit;
  return locked > 0 ? errorCodes.ACCOUNT_LOCKED.exit : 0;
}

function prunedSnapshots({ owners }: Survey, manifests: RemovedManifests | null): PrunedSnapshot[] {
  return [...owners.values()].flatMap(({ owner, site, decisions }) =>
    decisions.map(({ snapshot, keep, reasons }) => {
      const removed = manifests?.gone.has(snapshot.name) ?? false;
      return { owner, site, snapshot, keep, reasons, removed };
    }),
  );
}

function clockRefusal(nowMs: number, clocks: readonly number[]): Refusal[] {
  const seconds = Math.round(Math.max(...clocks.map((one) => Math.abs(one - nowMs))) / 1000);
  if (seconds * 1000 <= clockToleranceMs) return [];
  return [
    {
      rule: 'clock',
      owner: null,
      message: `the clocks of this machine and of the store differ by ${seconds} s, so no age can be trusted`,
      hint: 'Set the clock that is wrong, then run prune again.',
    },
  ];
}

function shareRefusal({ retention }: PruneRequest, { owners }: Survey): Refusal[] {
  // An erasure has asked for it, and nobody can read those snapshots any more.
  const all = [...owners.values()].flatMap(({ decisions }) =>
    decisions.filter(({ erased }) => erased !== true),
  );
  const going = all.filter(({ keep }) => !keep).length;
  const allowed = retention?.maxRemoveShare ?? usualShare;
  if (going <= handful || going <= all.length * allowed) return [];
  const percent = Math.round((100 * going) / all.length);
  return [
    {
      rule: 'share',
      owner: null,
      message: `${going} of ${all.length} snapshots would go: ${percent} %, more than the ${Math.round(100 * allowed)} % allowed at once`,
      hint: 'Check the retention rules; if this is meant, raise "maxRemoveShare" for this run.',
    },
  ];
}

const pinnedMeanwhile = (site: string): Refusal => ({
  rule: 'changed',
  owner: null,
  message: `a snapshot of ${site} was pinned meanwhile`,
  hint: 'Run prune again.',
});

const newDamage = (message: string): Refusal => ({
  rule: 'damaged-manifest',
  owner: null,
  message: `${message}; it was written meanwhile, so the rest of the objects stays`,
  hint: 'Run `holdfast verify`.',
});
