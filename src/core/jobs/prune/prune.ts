/**
 * Prune: removes the snapshots that retention lets go, and the objects that nothing names any more.
 *
 * Order: events, manifests, then objects. A crash between any two leaves space unused and nothing broken,
 * and the next run goes on. It refuses by itself where the result would surprise: see `Refusal`.
 *
 * In a full store no event can be written. There the room held back goes first, then what needs none, and all is begun anew:
 * docs/decisions/0014-pruning-a-full-store.md.
 */

import { errorCodes, HoldfastError, isHoldfastError } from '../../errors.ts';
import { probedClocks } from './clock.ts';
import { takenAsLost } from './gaps.ts';
import { removeManifests } from './manifests.ts';
import { pruneObjects } from './objects.ts';
import { clockRefusal, newDamage, pinnedMeanwhile, shareRefusal } from './refusals.ts';
import { Remover } from './remover.ts';
import { giveUpReserve, keepReserve } from './reserve.ts';
import { type OwnerSurvey, type Survey, survey } from './survey.ts';
import type { PrunedSnapshot, PruneReport, PruneRequest, Tally } from './types.ts';

/** What the store got more recently is never removed. */
const graceMs = 24 * 3_600_000;
const shownKeys = 20;

/**
 * Safe to repeat and to interrupt.
 *
 * @throws STORE_DENIED the store cannot be listed
 * @throws STORE_UNAVAILABLE, INTERRUPTED what was removed until then stays removed
 * @throws STORE_FULL the same, and without more room no event can be written
 */
export async function prune(request: PruneRequest): Promise<PruneReport> {
  const { store, apply, onEvent } = request;
  if (store.capabilities.putOnly) {
    throw new HoldfastError('STORE_DENIED', 'these credentials can neither list nor remove', {
      hint: 'Run prune where credentials can, which may be another machine.',
    });
  }
  if (!apply) return pruneOnce(request);
  const removed: Tally = { count: 0, bytes: 0 };
  const counting: PruneRequest = {
    ...request,
    onEvent: (event) => {
      if (event.type === 'removed') {
        removed.count += event.count;
        removed.bytes += event.bytes;
      }
      onEvent(event);
    },
  };
  const earlier: PrunedSnapshot[] = [];
  for (;;) {
    const pass: Pass = { found: null, gone: new Set() };
    try {
      const report = await withErased(counting, await pruneOnce(counting, 'all', pass), pass);
      if (report.denied === 0) await keepReserve(request);
      return { ...report, snapshots: [...earlier, ...report.snapshots], removed };
    } catch (error) {
      if (!isFull(error)) throw error;
      earlier.push(...prunedSnapshots(pass).filter((one) => one.removed));
      if (!(await giveUpReserve(request)) && !(await removeWithoutEvents(counting))) throw stillFull(error);
    }
  }
}

const isFull = (error: unknown): error is HoldfastError =>
  isHoldfastError(error) && error.code === 'STORE_FULL';

const stillFull = (cause: HoldfastError): HoldfastError =>
  new HoldfastError('STORE_FULL', cause.message, {
    cause,
    hint: 'Make a little room, a megabyte is enough: raise the quota, or remove what is not of the store; then run `holdfast prune --apply`, which writes down what it removes.',
  });

/** Replaced revisions and objects that nothing names; needs room for the probe of the clock only. @returns whether any went */
async function removeWithoutEvents(request: PruneRequest): Promise<boolean> {
  const { retentionOf: _, ...rest } = request;
  const only = { ...rest, retention: null, acceptGaps: false };
  try {
    return (await pruneOnce(only, 'without events')).removed.count > 0;
  } catch (error) {
    // Without the time of the store no age can be trusted.
    if (isFull(error)) return false;
    throw error;
  }
}

/**
 * Erased snapshots are no matter of the rules: they go, with what only they need, also where the rules would let go of too
 * many others. All is decided anew, since those others stay and so does what they need.
 */
async function withErased(request: PruneRequest, report: PruneReport, pass: Pass): Promise<PruneReport> {
  const owners = [...(pass.found?.owners.values() ?? [])].filter(hasErased).map(({ owner }) => owner);
  if (owners.length === 0 || !report.refusals.some(({ rule }) => rule === 'share')) return report;
  const { retentionOf: _, ...rest } = request;
  const only = { ...rest, owners, retention: null, acceptGaps: false };
  const { gone } = pass;
  const done = await pruneOnce(only, 'all', { found: null, gone });
  const { kept, denied, locked, unfinished } = done;
  const told = new Set(report.refusals.map(({ message }) => message));
  const meanwhile = done.refusals.filter(({ rule, message }) => rule !== 'gap' && !told.has(message));
  return {
    ...report,
    snapshots: prunedSnapshots(pass),
    refusals: [...report.refusals, ...meanwhile],
    ...{ kept, denied, locked, unfinished },
  };
}

/** What is known also where it fails. */
interface Pass {
  found: Survey | null;
  /** Names of the snapshots that are gone. */
  readonly gone: Set<string>;
}

async function pruneOnce(
  request: PruneRequest,
  what: 'all' | 'without events' = 'all',
  pass: Pass = { found: null, gone: new Set() },
): Promise<PruneReport> {
  const { apply, world } = request;
  const nowMs = world.now();
  const clocks = apply ? await probedClocks(request, nowMs) : { earliestMs: nowMs, apartMs: 0 };
  const times = { nowMs, graceFromMs: clocks.earliestMs - graceMs };
  const found = await survey(request, times);
  pass.found = found;
  const clock = clockRefusal(clocks.apartMs);
  const share = shareRefusal(request, found);
  const refusals = [...found.refusals, ...clock, ...share];
  const remover = apply && clock.length + share.length === 0 ? new Remover(request) : null;
  const owners = [...found.owners.values()].filter((one) => what === 'all' || !hasGoing(one));
  const manifests = remover === null ? null : await removeManifests(request, owners, remover, pass.gone);
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
  const unfinished = manifests?.unfinished ?? [];
  const denied = remover?.denied ?? 0;
  const unknown = [...found.unknownKeys, ...objects.unknown];
  return {
    snapshots: prunedSnapshots(pass),
    refusals,
    gaps: [
      ...[...found.owners.values()].flatMap((one) =>
        takenAsLost(request, one, { said: remover !== null, gone: objects.cleared.get(one.owner) === true }),
      ),
      ...objects.gaps,
    ],
    objects: found.objectsAreUncertain ? { count: 0, bytes: 0 } : objects.unneeded,
    removed: remover?.removed ?? { count: 0, bytes: 0 },
    waiting: objects.waiting,
    untrusted: [...found.owners.values()].reduce((sum, { untrusted }) => sum + untrusted, 0),
    others: countsOf([...found.owners.values()].flatMap(({ others }) => others)),
    untrustedEvents: [...found.owners.values()].reduce((sum, one) => sum + one.untrustedEvents, 0),
    kept: { ...(remover?.locked ?? { count: 0, bytes: 0 }), ends: remover?.lockEnds ?? null },
    denied,
    locked,
    unfinished,
    unknown: { count: unknown.length, first: unknown.slice(0, shownKeys) },
    exitStatus: statusOf(refusals.length, denied, locked.length + unfinished.length),
  };
}

const countsOf = (names: readonly string[]): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));

/** Snapshots that go need an event. */
const hasGoing = ({ decisions }: OwnerSurvey): boolean => decisions.some(({ keep }) => !keep);

const hasErased = ({ decisions }: OwnerSurvey): boolean =>
  decisions.some(({ keep, erased }) => !keep && erased === true);

function statusOf(refusals: number, denied: number, left: number): number {
  if (refusals > 0) return errorCodes.PRUNE_REFUSED.exit;
  if (denied > 0) return errorCodes.STORE_DENIED.exit;
  return left > 0 ? errorCodes.ACCOUNT_LOCKED.exit : 0;
}

function prunedSnapshots({ found, gone }: Pass): PrunedSnapshot[] {
  return [...(found?.owners.values() ?? [])].flatMap(({ owner, site, decisions }) =>
    decisions.map(({ snapshot, keep, reasons }) => {
      const removed = gone.has(snapshot.name);
      return { owner, site, snapshot, keep, reasons, removed };
    }),
  );
}
