/**
 * The first look: reads every manifest of the store, decides for the accounts in question which snapshots
 * go, and notes which objects are still needed by whatever stays.
 *
 * Changes nothing. Goes through the owners a few at once, so memory holds their manifests and, of all others,
 * decisions and 16 bytes for each object.
 */

import { parseManifestKey } from '../../archive/keys.ts';
import { restoredSnapshots } from '../../state/restores.ts';
import { eachLimited } from '../each-limited.ts';
import { lastingPinMs, protectionOf, readProtections } from '../events.ts';
import { newestIsShrunk } from '../findings/findings.ts';
import { decideRetention } from '../retention/decide.ts';
import type { Decision } from '../retention/types.ts';
import { standingOf } from '../trust.ts';
import { idOf } from '../verify-history.ts';
import { walkOwners } from '../walk.ts';
import { erasureCheck } from './erased.ts';
import { forkedLineages, goesOnFrom } from './forks.ts';
import { type Gap, gapsOf, openGaps } from './gaps.ts';
import { KeySet } from './key-set.ts';
import { sparedByLocks } from './locks.ts';
import { prunable, spared } from './prunable.ts';
import { keysOf, type ReadGroup, type ReadManifest, readGroup } from './read-group.ts';
import { damagedManifest, hasGap, looksDamaged, unknownPlan, wasPutBack } from './refusals.ts';
import { newestRevisions, replacedDamage, replacedManifests } from './replaced.ts';
import { sparedByRestores } from './restored.ts';
import { severalAtOnce } from './several-at-once.ts';
import type { PrunableSnapshot, PruneRequest, Refusal, StoredKey } from './types.ts';
import { type OwnerGroup, withIndexes } from './unlisted.ts';

export interface OwnerSurvey {
  readonly owner: string;
  readonly site: string;
  /** Of this addin configuration, oldest first. */
  readonly decisions: readonly Decision<PrunableSnapshot>[];
  /** Manifests that a later revision has replaced for longer than the grace period. */
  readonly replaced: readonly StoredKey[];
  /** Objects of the account that are needed once all the above is gone. */
  readonly needed: KeySet;
  /** Snapshots that are neither judged nor removed. */
  readonly untrusted: number;
  /** Pins, holds, their ends and erasures that do not count. */
  readonly untrustedEvents: number;
  /** Name of the addin configuration of each snapshot that is of another one. */
  readonly others: readonly string[];
  /** Snapshots that are missing without a reason: no object of the account goes, unless that was accepted. */
  readonly gaps: readonly Gap[];
}

export interface Survey {
  readonly owners: ReadonlyMap<string, OwnerSurvey>;
  /** Objects of this server that manifests of other servers or accounts name. */
  readonly neededElsewhere: KeySet;
  /** Keys of all manifests that were read. */
  readonly seen: KeySet;
  readonly refusals: readonly Refusal[];
  /** A manifest cannot be read, so no object can be proved to be unneeded. */
  readonly objectsAreUncertain: boolean;
  readonly unknownKeys: readonly string[];
  /** Id of the store; null where it does not tell. */
  readonly storeId: string | null;
}

export interface SurveyTimes {
  readonly nowMs: number;
  /** What the store got after this instant stays in any case. */
  readonly graceFromMs: number;
}

interface Circumstances extends SurveyTimes, Pick<Survey, 'storeId'> {
  /** Ids of the snapshots that restores read. */
  readonly restored: ReadonlySet<string>;
}

/** Each waits for the store most of its time. */
const ownersAtOnce = 4;

export async function survey(request: PruneRequest, times: SurveyTimes): Promise<Survey> {
  const { store, signal } = request;
  const owners = new Map<string, OwnerSurvey>();
  const [neededElsewhere, seen] = [new KeySet(), new KeySet()];
  const refusals: Refusal[] = [];
  const unknownKeys: string[] = [];
  let objectsAreUncertain = false;
  const storeId = await idOf(store, signal);
  const restored = await restoredSnapshots(request.stateDir);
  for await (const groups of severalAtOnce(
    withIndexes(request, walkOwners(store, 'manifests/', signal)),
    ownersAtOnce,
  )) {
    const looks = new Map<OwnerGroup, Look>();
    await eachLimited(groups, ownersAtOnce, async (group) => {
      looks.set(group, await lookAt(request, { ...times, storeId, restored }, group));
    });
    // In the order of keys, whichever was ready first.
    for (const group of groups) {
      const { found, damaged, unknown, elsewhere } = looks.get(group)!;
      for (const key of unknown) unknownKeys.push(key);
      for (const { key } of group.objects) seen.add(key);
      for (const one of damaged) {
        objectsAreUncertain = true;
        refusals.push(damagedManifest(group.owner, one));
      }
      neededElsewhere.addAll(elsewhere);
      if (found === null) continue;
      refusals.push(...found.refusals);
      owners.set(group.owner, found.survey);
    }
  }
  return { owners, neededElsewhere, seen, refusals, objectsAreUncertain, unknownKeys, storeId };
}

interface Look extends Pick<ReadGroup, 'damaged' | 'unknown'> {
  /** Null of accounts that are not asked about. */
  readonly found: { readonly survey: OwnerSurvey; readonly refusals: readonly Refusal[] } | null;
  readonly elsewhere: readonly string[];
}

async function lookAt(request: PruneRequest, about: Circumstances, group: OwnerGroup): Promise<Look> {
  const { server, owners, onEvent } = request;
  const { manifests, damaged, unknown } = await readGroup(request, group);
  onEvent({ type: 'read', manifests: manifests.length });
  const chosen = group.server === server && (owners === null || owners.includes(group.owner));
  if (!chosen || manifests.length === 0) {
    const elsewhere = manifests.flatMap(({ snapshot }) => keysOf(snapshot).filter(isOf(server)));
    return { found: null, damaged, unknown, elsewhere };
  }
  const look = await surveyOwner(request, about, group, { manifests, damaged });
  const { elsewhere, damaged: left, ...found } = look;
  return { found, damaged: left, unknown, elsewhere };
}

export const isOf =
  (server: string) =>
  (key: string): boolean =>
    key.split('/', 2)[1] === server;

interface Surveyed extends Pick<ReadGroup, 'damaged'> {
  readonly survey: OwnerSurvey;
  readonly refusals: readonly Refusal[];
  readonly elsewhere: readonly string[];
}

async function surveyOwner(
  request: PruneRequest,
  { nowMs, graceFromMs, storeId, restored }: Circumstances,
  group: OwnerGroup,
  { manifests, damaged: all }: Pick<ReadGroup, 'manifests' | 'damaged'>,
): Promise<Surveyed> {
  const { server, owner } = group;
  const newest = newestRevisions(manifests);
  const ofAddin = newest.filter(({ snapshot }) => snapshot.header.addin.id === request.addin.id);
  // Snapshots that a stranger adds must not make retention let go of ours, nor his revisions replace them.
  const { trust } = request;
  const isStrange = ({ snapshot }: ReadManifest): boolean =>
    trust !== undefined && standingOf(snapshot, trust) !== 'trusted';
  const lane = ofAddin.filter((one) => !isStrange(one));
  const gaps = await gapsOf(request, { ...group, storeId, graceFromMs }, newest, {
    isStrange,
    manifests,
    damaged: all,
  });
  const protections =
    lane.length === 0
      ? { standing: [], erasures: [], unreadable: [], distrusted: [], doubtful: [] }
      : await readProtections(request, { server, owner }, request.signal);
  const forked = await forkedLineages(request, { server, owner }, lane);
  const isErased = await erasureCheck(request, { server, owner }, protections, lane);
  const described = lane.flatMap(({ snapshot }) => snapshot.body?.account ?? []);
  const ruled = request.retentionOf?.(owner, described) ?? request.retention;
  let decisions = decideRetention({
    snapshots: lane.map((one) => prunable(one, manifests, forked)),
    rules: ruled === 'unknown' ? request.retention : ruled,
    needsFull: request.provider.capabilities.needsFull ?? true,
    protectionOf: ({ id }) => {
      const found = protectionOf(protections, id, nowMs);
      return found.erasure === null || isErased(id) ? found : { ...found, erasure: null };
    },
    nowMs,
  });
  const site = newest.at(-1)?.snapshot.body?.account.site ?? request.provider.siteOf?.(owner) ?? owner;
  const shrunk = decisions.some(({ keep }) => !keep)
    ? newestIsShrunk(
        decisions.map(({ snapshot }) => ({ ...snapshot, pinnedMs: lastingPinMs(protections, snapshot.id) })),
      )
    : null;
  const goes = decisions.some(({ keep, erased }) => !keep && erased !== true);
  const unruled = ruled === 'unknown' && goes ? unknownPlan(owner, site) : null;
  const split = goesOnFrom(lane, forked, nowMs) ? wasPutBack(owner, site) : null;
  const refusal = split ?? unruled ?? (shrunk === null ? null : looksDamaged(owner, site, shrunk));
  const incomplete = openGaps(request, gaps).map((gap) => hasGap(owner, site, gap));
  const isUnread = ({ key }: { readonly key: string }): boolean =>
    !restored.has(parseManifestKey(key)?.id ?? '');
  const isClear = incomplete.length === 0 && !newest.some(isStrange);
  const aside = isClear ? replacedDamage(all, newest, graceFromMs).filter(isUnread) : [];
  const damaged = all.filter((one) => !aside.includes(one));
  const hindrance =
    damaged.length > 0
      ? 'another manifest of the account is damaged'
      : (incomplete[0]?.message ?? (split ?? unruled)?.message ?? shrunk);
  if (hindrance !== null) decisions = decisions.map((one) => spared(one, hindrance));
  // It must not be what is left of its snapshot, should the store refuse to let it go.
  const first = new Set(aside.map(({ key }) => parseManifestKey(key)?.id));
  decisions = decisions.map((one) =>
    first.has(one.snapshot.id) ? spared(one, 'a damaged revision of it goes first') : one,
  );
  decisions = sparedByRestores(await sparedByLocks(request, decisions, nowMs), restored);
  const unread = manifests.filter(({ stored }) => isUnread(stored));
  const isSure = isClear && damaged.length === 0;
  const later = isSure ? await replacedManifests(request, unread, newest, graceFromMs) : [];
  const replaced = isSure ? [...later, ...aside.map(({ stored }) => stored)] : [];
  const going = new Set([
    ...decisions
      .filter(({ keep }) => !keep)
      .flatMap(({ snapshot }) => snapshot.manifests.map(({ key }) => key)),
    ...replaced.map(({ key }) => key),
  ]);
  const stay = manifests
    .filter(({ stored }) => !going.has(stored.key))
    .flatMap(({ snapshot }) => keysOf(snapshot));
  const own = (key: string): boolean => key.split('/', 3).slice(1).join('/') === `${server}/${owner}`;
  const needed = new KeySet();
  needed.addAll(stay.filter(own));
  needed.pack();
  const elsewhere = stay.filter((key) => !own(key) && isOf(server)(key));
  const untrusted = ofAddin.length - lane.length;
  const untrustedEvents = protections.distrusted.length;
  const others = newest
    .map(({ snapshot }) => snapshot.header.addin)
    .filter(({ id }) => id !== request.addin.id);
  const found = {
    owner,
    site,
    decisions,
    replaced,
    needed,
    untrusted,
    untrustedEvents,
    gaps,
    others: others.map(({ name }) => name),
  };
  const refused = [...incomplete, ...(refusal === null ? [] : [refusal])];
  return { survey: found, refusals: refused, elsewhere, damaged };
}
