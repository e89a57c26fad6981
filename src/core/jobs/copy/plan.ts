/**
 * Which of the snapshots that a copy lacks it should get: not what was pruned from it, not what its own
 * retention would let go at once, and no revision that lost something which the copy has. A put-only copy gets all else
 * that it was not sent. A revision that somebody put above ours hides none, and what nobody trusted signed takes no place.
 *
 * Goes account by account and keeps of each manifest only what retention asks for.
 */

import { type ManifestName, parseManifestKey } from '../../archive/keys.ts';
import type { Retention } from '../../config/addin-schema.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { isHoldfastError } from '../../errors.ts';
import {
  isUnusable,
  type ListedSnapshot,
  listSnapshots,
  readAnySnapshot,
  readSoundSnapshot,
} from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import { protectionOf, readProtections } from '../events.ts';
import { hasLost } from '../has-lost.ts';
import { readPruned } from '../prune-events.ts';
import { decideRetention } from '../retention/decide.ts';
import { retainedOf } from '../retention/retained.ts';
import type { RetainedSnapshot } from '../retention/types.ts';
import { standingOf, type Trust } from '../trust.ts';
import type { OpenStore } from './copy-one.ts';
import type { CopyRecord } from './copy-record.ts';

export interface PlanRequest {
  readonly source: OpenStore;
  readonly target: OpenStore;
  readonly addin: { readonly id: string };
  readonly server: string;
  /** Null: the copy keeps everything. */
  readonly retention: Retention | null;
  /** Learns what is left out, so that later runs need not ask again. */
  readonly record: CopyRecord;
  /** Whose events in the copy count, and whose snapshots in both; left out: everybody's. */
  readonly trust?: Trust;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

const ownersAtOnce = 4;
const readsAtOnce = 4;
/** Prune trusts no snapshot that is younger than its own clock by more than minutes. */
const clockSlackMs = 3_600_000;

export interface CopyPlan {
  readonly wanted: readonly ListedSnapshot[];
  /** Ids of the snapshots that the copy has, by their owners. */
  readonly held: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * @param all snapshots of the server in the main store
 * @throws STORE_UNAVAILABLE, STORE_DENIED
 */
export async function planCopy(request: PlanRequest, all: readonly ListedSnapshot[]): Promise<CopyPlan> {
  const { target, server, record, nowMs, signal } = request;
  record.judgeAt(nowMs);
  if (target.store.capabilities.putOnly) {
    const sent = [...record.sent].flatMap((key) => parseManifestKey(key) ?? []);
    const unsent = await lackingOf(request, all, ({ key }) => record.sent.has(key));
    await leaveOutLosses(request, unsent, sent);
    return { wanted: unsent.filter(({ key }) => !record.leftOut.has(key)), held: new Map() };
  }
  const held = Map.groupBy(await listSnapshots(target.store, { server }, signal), ({ owner }) => owner);
  // In this revision or a later one.
  const has = ({ owner, id, revision }: ListedSnapshot): boolean =>
    held.get(owner)?.some((one) => one.id === id && one.revision >= revision) ?? false;
  const wanted = await wantedOf(request, await lackingOf(request, all, has), held);
  const ids = [...held].map(([owner, ofOwner]) => [owner, new Set(ofOwner.map(({ id }) => id))] as const);
  return { wanted, held: new Map(ids) };
}

/** Those of this configuration, as far as that is known, each in the revision that counts. */
async function lackingOf(
  request: PlanRequest,
  all: readonly ListedSnapshot[],
  has: (listed: ListedSnapshot) => boolean,
): Promise<ListedSnapshot[]> {
  const isLacking = (listed: ListedSnapshot): boolean =>
    !request.record.others.has(listed.key) && !has(listed);
  const lacking = all.filter(isLacking);
  await eachLimited([...lacking.keys()], readsAtOnce, async (i) => {
    lacking[i] = await soundOf(request, lacking[i]!);
  });
  return lacking.filter(isLacking);
}

/** Its highest revision that is whole and trusted, where it has several. */
async function soundOf(
  { source, trust, signal }: PlanRequest,
  listed: ListedSnapshot,
): Promise<ListedSnapshot> {
  if (trust === undefined || listed.earlier === undefined) return listed;
  try {
    const { key } = await readSoundSnapshot(source.provider, listed, signal, trust);
    return [listed, ...listed.earlier].find((one) => one.key === key) ?? listed;
  } catch (error) {
    if (!isUnusable(error)) throw error;
    return listed;
  }
}

async function wantedOf(
  request: PlanRequest,
  lacking: readonly ListedSnapshot[],
  held: ReadonlyMap<string, readonly ListedSnapshot[]>,
): Promise<ListedSnapshot[]> {
  const { leftOut } = request.record;
  const open = lacking.filter(({ key }) => !leftOut.has(key));
  await leaveOutLosses(request, open, [...held.values()].flat());
  const owners = [...Map.groupBy(open, ({ owner }) => owner)];
  await eachLimited(owners, ownersAtOnce, async ([owner, ofOwner]) => {
    const pruned = await prunedIds(request, owner, ofOwner);
    for (const { id, key } of ofOwner) if (pruned.has(id)) leftOut.add(key);
    const rest = ofOwner.filter(({ id }) => !pruned.has(id));
    const refused = await refusedIds(request, owner, rest, held.get(owner) ?? []);
    for (const { id, key } of rest) if (refused.has(id)) leftOut.add(key);
  });
  return open.filter(({ key }) => !leftOut.has(key));
}

/**
 * A revision that lost something is not put over one that has it: the copy may be the last place where it is. What
 * cannot be read is left to the copying, which says so.
 */
async function leaveOutLosses(
  { source, record, signal }: PlanRequest,
  lacking: readonly ListedSnapshot[],
  held: readonly ManifestName[],
): Promise<void> {
  const ids = new Set(held.map(({ owner, id }) => `${owner} ${id}`));
  const later = lacking.filter(({ owner, id, revision }) => revision > 0 && ids.has(`${owner} ${id}`));
  await eachLimited(later, readsAtOnce, async (listed) => {
    try {
      if (hasLost(await readAnySnapshot(source.provider, listed, signal))) record.leftOut.add(listed.key);
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:OBJECT|FORMAT)_/.test(error.code)) throw error;
    }
  });
}

/** What the copy's prune events name. None of them is older than a snapshot it names. */
async function prunedIds(
  { target, server, trust, signal }: PlanRequest,
  owner: string,
  lacking: readonly ListedSnapshot[],
): Promise<ReadonlySet<string>> {
  const oldestMs = lacking.reduce((least, { atMs }) => Math.min(least, atMs), Number.POSITIVE_INFINITY);
  const sinceMs = Math.max(0, oldestMs - clockSlackMs);
  const of = trust === undefined ? target : { ...target, trust };
  const { removed } = await readPruned({ ...of, server, owner, sinceMs, signal });
  return new Set(removed.map(({ id }) => id));
}

/** What retention would remove, were all there. What cannot be read or is not trusted is not judged and takes no place. */
async function refusedIds(
  request: PlanRequest,
  owner: string,
  lacking: readonly ListedSnapshot[],
  held: readonly ListedSnapshot[],
): Promise<ReadonlySet<string>> {
  const { source, target, server, retention, trust, nowMs, signal } = request;
  // The newest stays whatever the rules say; each night that is the only one.
  const [first] = lacking;
  const isNewest = first !== undefined && held.every(({ atMs }) => atMs < first.atMs);
  if (retention === null || first === undefined || (lacking.length === 1 && isNewest)) return new Set();
  const snapshots = new Map<string, RetainedSnapshot>();
  await readAll(request, target.provider, held, snapshots);
  await readAll(request, source.provider, lacking, snapshots);
  const of = trust === undefined ? target : { ...target, trust };
  const protections = await readProtections(of, { server, owner }, signal);
  const decisions = decideRetention({
    snapshots: [...snapshots.values()],
    rules: retention,
    needsFull: source.provider.capabilities.needsFull ?? true,
    protectionOf: ({ id }) => protectionOf(protections, id, nowMs),
    nowMs,
  });
  return new Set(decisions.filter(({ keep }) => !keep).map(({ snapshot }) => snapshot.id));
}

/** Those of this addin configuration, by their ids. */
async function readAll(
  { addin, trust, signal }: PlanRequest,
  provider: KeyedProvider,
  all: readonly ListedSnapshot[],
  into: Map<string, RetainedSnapshot>,
): Promise<void> {
  await eachLimited(all, readsAtOnce, async (listed) => {
    try {
      const snapshot = await readSoundSnapshot(provider, listed, signal, trust);
      if (trust !== undefined && standingOf(snapshot, trust) !== 'trusted') return;
      if (snapshot.header.addin.id === addin.id) into.set(listed.id, retainedOf(snapshot));
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:OBJECT|FORMAT)_/.test(error.code)) throw error;
    }
  });
}

/** Newest first: the newest snapshot of every account, then the second newest of each, and so on. */
export function rounds(wanted: readonly ListedSnapshot[]): ListedSnapshot[][] {
  const result: ListedSnapshot[][] = [];
  for (const ofOwner of Map.groupBy(wanted, ({ owner }) => owner).values()) {
    for (const [depth, listed] of ofOwner.toReversed().entries()) {
      result[depth] ??= [];
      result[depth].push(listed);
    }
  }
  for (const round of result) round.sort((a, b) => b.atMs - a.atMs);
  return result;
}
