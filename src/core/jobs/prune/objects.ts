/**
 * The second look, and the removal of data and index objects that no manifest names.
 *
 * An object goes if nothing named it at the first look or names it now, if the store has had it and all that
 * was stored with it for longer than the grace period, and while the account's lock is held: a backup under way
 * may have objects that no manifest names yet, and one that runs for days, on a machine whose locks are not
 * seen here, has old ones among them.
 */

import { parseObjectKey } from '../../archive/keys.ts';
import type { ObjectInfo } from '../../contracts/store.ts';
import { isProbePrefix } from '../../key-classes.ts';
import { underLock } from '../account-lock.ts';
import { eachLimited } from '../each-limited.ts';
import { walkOwners } from '../walk.ts';
import { acceptGaps, type Gap, gapsWithoutSnapshots, openGaps, takenAsLost } from './gaps.ts';
import { KeySet } from './key-set.ts';
import { keysOf, prefixesOf, readGroup } from './read-group.ts';
import { hasGap } from './refusals.ts';
import type { Remover } from './remover.ts';
import { objectsAreRestored } from './restored.ts';
import { isOf, type Survey, type SurveyTimes } from './survey.ts';
import type { AcceptedGap, PruneRequest, Refusal, StoredKey, Tally } from './types.ts';

const removers = 8;
/**
 * Objects that go before manifests are looked at again: another machine, which no lock of ours stops, may
 * commit a snapshot that names what is left.
 */
const perLook = 64;

export interface PrunedObjects {
  readonly unneeded: Tally;
  readonly waiting: Tally;
  readonly unknown: string[];
  readonly locked: string[];
  /** A manifest that came meanwhile cannot be read; the rest stays. */
  readonly stopped: string | null;
  /** Of accounts that have nothing but objects: a snapshot that named them may be there. */
  readonly refusals: readonly Refusal[];
  /** Of such accounts as well. */
  readonly gaps: readonly AcceptedGap[];
  /** By the UUIDs of accounts that had something to go: whether all of it went. */
  readonly cleared: ReadonlyMap<string, boolean>;
}

/** It has objects and no snapshot. */
interface LostAccount {
  readonly owner: string;
  readonly site: string;
  readonly gaps: readonly Gap[];
  /** An event says that they are lost. */
  said: boolean;
}

export interface ObjectsTask {
  readonly found: Survey;
  readonly times: SurveyTimes;
  /** Keys of the manifests that this prune removed; one that is there again is taken out. */
  readonly gone: Set<string>;
  /** Owners whose manifests are all as the first look left them. Null: of every owner. */
  readonly finished: ReadonlySet<string> | null;
  /** Null: count only. */
  readonly remover: Remover | null;
}

export async function pruneObjects(request: PruneRequest, task: ObjectsTask): Promise<PrunedObjects> {
  const { found, times, remover } = task;
  const { store, server, signal } = request;
  const result = { unneeded: { count: 0, bytes: 0 }, waiting: { count: 0, bytes: 0 } };
  const [unknown, locked]: [string[], string[]] = [[], []];
  const needed = new KeySet();
  const refusals = new Map<string, Refusal>();
  const lost = new Map<string, LostAccount>();
  const cleared = new Map<string, boolean>();
  let stopped: string | null = null;
  // Manifests written since the first look, by any server.
  if (remover !== null) stopped = await lookAgain(request, task, needed, 'manifests/');
  for (const prefix of [...prefixesOf(request, 'data'), ...prefixesOf(request, 'index')]) {
    for await (const { owner, objects } of walkOwners(store, prefix, signal)) {
      const survey = found.owners.get(owner);
      const site = survey?.site ?? request.provider.siteOf?.(owner) ?? owner;
      const going: StoredKey[] = [];
      const latest = latestOfRuns(objects);
      for (const object of objects) {
        const { key, sizeBytes } = object;
        const name = parseObjectKey(key);
        if (name === null) {
          if (!isProbePrefix(key)) unknown.push(key);
          continue;
        }
        if (survey?.needed.has(key) || found.neededElsewhere.has(key)) continue;
        const isYoung = latest.get(name.objectId)! >= times.graceFromMs;
        if (!isYoung) going.push(object);
        else count(result.waiting, sizeBytes);
      }
      if (going.length === 0 || found.objectsAreUncertain) continue;
      // Both its data and its indexes may be left.
      const gaps =
        survey?.gaps ??
        lost.get(owner)?.gaps ??
        (await gapsWithoutSnapshots(request, { ...found, ...times, owner }));
      const [open] = openGaps(request, gaps);
      if (open !== undefined) {
        if (survey === undefined) refusals.set(owner, hasGap(owner, site, open));
        continue;
      }
      for (const { sizeBytes } of going) count(result.unneeded, sizeBytes);
      const without = lost.get(owner) ?? { owner, site, gaps, said: false };
      if (survey === undefined) lost.set(owner, without);
      const before = cleared.get(owner) ?? true;
      cleared.set(owner, false);
      const mayGo = survey === undefined || task.finished === null || task.finished.has(owner);
      if (remover === null || stopped !== null || !mayGo) continue;
      const outcome = await underLock(request.stateDir, owner, async () => {
        if (survey === undefined && !without.said) await acceptGaps(request, owner, gaps);
        without.said = true;
        let all = true;
        for (let i = 0; i < going.length; i += perLook) {
          // It may have read the manifest a moment before that went.
          if (await objectsAreRestored(request, found.owners, owner)) return 'locked';
          stopped = await lookAgain(request, task, needed, `manifests/${server}/${owner}/`);
          if (stopped !== null) return 'stopped';
          await eachLimited(going.slice(i, i + perLook), removers, async (stored) => {
            if (!needed.has(stored.key)) all = (await remover.remove(stored)) && all;
          });
        }
        return all ? 'done' : 'denied';
      });
      if (outcome === 'locked' && !locked.includes(site)) locked.push(site);
      cleared.set(owner, before && outcome === 'done');
    }
  }
  return {
    ...result,
    unknown,
    locked,
    stopped,
    refusals: [...refusals.values()],
    gaps: [...lost.values()].flatMap((one) =>
      takenAsLost(request, one, { said: one.said, gone: cleared.get(one.owner) === true }),
    ),
    cleared,
  };
}

function count(tally: Tally, bytes: number): void {
  tally.count += 1;
  tally.bytes += bytes;
}

/** When the store got the newest object of each backup, by what the names of its objects share. */
function latestOfRuns(objects: readonly ObjectInfo[]): ReadonlyMap<string, number> {
  const latest = new Map<string, number>();
  for (const { key, modifiedAtMs } of objects) {
    const name = parseObjectKey(key);
    if (name !== null) latest.set(name.objectId, Math.max(modifiedAtMs, latest.get(name.objectId) ?? 0));
  }
  return latest;
}

/** Adds what new manifests need, and those that somebody has put back. @returns why nothing may be removed, or null */
async function lookAgain(
  request: PruneRequest,
  { found: { seen }, gone }: ObjectsTask,
  needed: KeySet,
  prefix: string,
): Promise<string | null> {
  for await (const group of walkOwners(request.store, prefix, request.signal)) {
    const fresh = group.objects.filter(({ key }) => !seen.has(key) || gone.has(key));
    if (fresh.length === 0) continue;
    const { manifests, damaged } = await readGroup(request, { objects: fresh });
    if (damaged[0] !== undefined) return damaged[0].message;
    for (const { snapshot } of manifests) needed.addAll(keysOf(snapshot).filter(isOf(request.server)));
    seen.addAll(fresh.map(({ key }) => key));
    for (const { key } of fresh) gone.delete(key);
  }
  return null;
}
