/**
 * Removes the manifests of snapshots that go, account by account, each under its lock.
 *
 * The event that names them comes first, so that a gap in the sequence is explained even where the removal
 * is cut short. Whoever pins a snapshot looks for it (see `pin.ts`); pins and holds that came before are seen here, where
 * events are looked at once more after it, and before each snapshot.
 */

import { parseEventKey } from '../../archive/keys.ts';
import { underLock } from '../account-lock.ts';
import { protectionOf, readProtections, writeEvent } from '../events.ts';
import { removalMs } from '../prune-events.ts';
import type { Decision } from '../retention/types.ts';
import { walk } from '../walk.ts';
import { acceptGaps } from './gaps.ts';
import type { Remover } from './remover.ts';
import { areRestored } from './restored.ts';
import type { OwnerSurvey } from './survey.ts';
import type { PrunableSnapshot, PruneRequest, StoredKey } from './types.ts';

export interface RemovedManifests {
  /** Keys of all manifests that were removed. */
  readonly keys: Set<string>;
  /** Owners of whom everything went that was to go; objects of others stay for now. */
  readonly finished: ReadonlySet<string>;
  /** Sites that another job is working on. */
  readonly locked: readonly string[];
  /** Sites for which the time after their event was not enough. */
  readonly unfinished: readonly string[];
  /** Sites where a snapshot was pinned since the first look. */
  readonly changed: readonly string[];
}

/** @param gone gets the names of the snapshots that are gone, also where this fails */
export async function removeManifests(
  request: PruneRequest,
  owners: Iterable<OwnerSurvey>,
  remover: Remover,
  gone: Set<string>,
): Promise<RemovedManifests> {
  const [finished, keys] = [new Set<string>(), new Set<string>()];
  const [locked, unfinished, changed]: [string[], string[], string[]] = [[], [], []];
  for (const owner of owners) {
    request.signal.throwIfAborted();
    if (request.acceptGaps === true) await acceptGaps(request, owner.owner, owner.gaps);
    const going = owner.decisions.filter(({ keep }) => !keep);
    if (going.length === 0 && owner.replaced.length === 0) {
      finished.add(owner.owner);
      continue;
    }
    const outcome = await underLock(request.stateDir, owner.owner, () =>
      removeOf(request, owner, going, { remover, gone, keys }),
    );
    if (outcome === 'locked') locked.push(owner.site);
    else if (outcome === 'unfinished') unfinished.push(owner.site);
    else if (outcome === 'changed') changed.push(owner.site);
    else if (outcome === 'finished') finished.add(owner.owner);
  }
  return { keys, finished, locked, unfinished, changed };
}

interface Removal {
  readonly remover: Remover;
  readonly gone: Set<string>;
  readonly keys: Set<string>;
}

async function removeOf(
  request: PruneRequest,
  { owner, replaced }: OwnerSurvey,
  going: readonly Decision<PrunableSnapshot>[],
  { remover, gone, keys }: Removal,
): Promise<'finished' | 'denied' | 'unfinished' | 'changed' | 'locked'> {
  const { stateDir, provider, server, addin, world, signal } = request;
  // What was decided rests on what was pinned then; the next run decides anew.
  const isPinned = pinWatch(request, owner);
  if (going.length > 0) {
    if (await areRestored(stateDir, going)) return 'locked';
    if (await isPinned(going)) return 'changed';
    const removed = going.map(({ snapshot, reasons }) => {
      const { id, lineage, sequence, digest, key, indexes } = snapshot;
      const anew = indexes.length === 0 ? {} : { indexes };
      return { id, lineage, sequence, digest, key, reason: reasons[0]!, ...anew };
    });
    await writeEvent(provider, { kind: 'prune', server, owner, addin, removed }, world, signal);
  }
  const untilMs = world.now() + removalMs;
  const remove = async (stored: StoredKey): Promise<boolean> => {
    const isGone = await remover.remove(stored);
    if (isGone) keys.add(stored.key);
    return isGone;
  };
  let all = true;
  for (const stored of replaced) all = (await remove(stored)) && all;
  for (const [i, { snapshot }] of going.entries()) {
    if (world.now() > untilMs) return 'unfinished';
    if (await areRestored(stateDir, [going[i]!])) return 'locked';
    if (await isPinned(going.slice(i))) return 'changed';
    let whole = true;
    // The lowest revision first: the snapshot exists until the last one goes.
    for (const stored of snapshot.manifests) whole = whole && (await remove(stored));
    if (whole) gone.add(snapshot.name);
    else all = false;
  }
  return all ? 'finished' : 'denied';
}

/** Whether one of these is pinned or held by now. Lists events each time, and reads them where there are others. */
function pinWatch(
  request: PruneRequest,
  owner: string,
): (going: readonly Decision<PrunableSnapshot>[]) => Promise<boolean> {
  const { store, server, world, signal } = request;
  let seen: string | null = null;
  return async (going) => {
    const keys: string[] = [];
    for await (const { key } of walk(store, `events/${server}/${owner}/`, signal))
      if (parseEventKey(key)?.kind !== 'prune') keys.push(key);
    const now = keys.join('\n');
    if (now === seen) return false;
    const protections = await readProtections(request, { server, owner }, signal);
    seen = now;
    return going.some(({ snapshot }) => {
      const { holds, erasure, pins } = protectionOf(protections, snapshot.id, world.now());
      return holds.length > 0 || (erasure === null && pins.length > 0);
    });
  };
}
