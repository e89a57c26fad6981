/**
 * Which of the snapshots that a copy lacks it should get: not what was pruned from it, not what its own
 * retention would let go at once, and no revision that lost something which the copy has. A put-only copy gets all else
 * that it was not sent. A revision that somebody put above ours, in either store, hides none; what nobody trusted signed, and
 * what is wanted but never comes, takes no place.
 *
 * Goes account by account and keeps of each manifest only what retention asks for.
 */

import type { Retention } from '../../config/addin-schema.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { isHoldfastError } from '../../errors.ts';
import { isUnusable, type ListedSnapshot, readAnySnapshot, readSoundSnapshot } from '../catalog.ts';
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
import { Holding } from './holding.ts';

export interface PlanRequest {
  readonly source: OpenStore;
  readonly target: OpenStore;
  readonly addin: { readonly id: string };
  readonly server: string;
  /** Null: the copy keeps everything. */
  readonly retention: Retention | null;
  /** Learns what is left out for good, so that later runs need not ask again. */
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
  /**
   * Keys of what its retention would let go at once, by owner. To be left out by later runs once all that is wanted of the
   * owner has come: it was refused for the sake of that.
   */
  readonly refused: ReadonlyMap<string, readonly string[]>;
}

/**
 * @param all snapshots of the server in the main store
 * @throws STORE_UNAVAILABLE, STORE_DENIED
 */
export async function planCopy(request: PlanRequest, all: readonly ListedSnapshot[]): Promise<CopyPlan> {
  request.record.judgeAt(request.nowMs);
  const holding = await Holding.of(request);
  return planFor(request, await lackingOf(request, all, holding), holding);
}

/**
 * As `planCopy`, of some owners, as if what was missed were not there: it takes no place in the copy, so that others may be
 * worth keeping. They are judged from the beginning.
 *
 * @param missed keys of snapshots that were wanted and did not come
 * @throws STORE_UNAVAILABLE, STORE_DENIED
 */
export async function planAgain(
  request: PlanRequest,
  all: readonly ListedSnapshot[],
  { owners, missed }: { readonly owners: ReadonlySet<string>; readonly missed: ReadonlySet<string> },
): Promise<CopyPlan> {
  for (const owner of owners) request.record.judgeAnew(owner);
  const holding = await Holding.of(request, owners);
  const ofOwners = all.filter(({ owner }) => owners.has(owner));
  const lacking = await lackingOf(request, ofOwners, holding);
  return planFor(
    request,
    lacking.filter(({ key }) => !missed.has(key)),
    holding,
  );
}

/** Those of this configuration, as far as that is known, each in the revision that counts. */
async function lackingOf(
  request: PlanRequest,
  all: readonly ListedSnapshot[],
  holding: Holding,
): Promise<ListedSnapshot[]> {
  const isOpen = (listed: ListedSnapshot): boolean =>
    !request.record.others.has(listed.key) && !holding.lists(listed);
  const isLacking = async (listed: ListedSnapshot): Promise<boolean> =>
    isOpen(listed) && !(await holding.has(listed, listed.revision));
  const open = all.filter(isOpen);
  const lacking: (ListedSnapshot | null)[] = open.map(() => null);
  await eachLimited([...open.entries()], readsAtOnce, async ([i, listed]) => {
    if (!(await isLacking(listed))) return;
    const sound = await soundOf(request, listed);
    if (sound === listed || (await isLacking(sound))) lacking[i] = sound;
  });
  return lacking.filter((one) => one !== null);
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

async function planFor(
  request: PlanRequest,
  lacking: readonly ListedSnapshot[],
  holding: Holding,
): Promise<CopyPlan> {
  const { record, target } = request;
  const { leftOut } = record;
  const open = lacking.filter(({ key }) => !leftOut.has(key));
  await leaveOutLosses(request, open, holding);
  const left = open.filter(({ key }) => !leftOut.has(key));
  if (target.store.capabilities.putOnly) return { wanted: left, refused: new Map() };
  const refused = new Map<string, readonly string[]>();
  const owners = [...Map.groupBy(left, ({ owner }) => owner)];
  await eachLimited(owners, ownersAtOnce, async ([owner, ofOwner]) => {
    const pruned = await prunedIds(request, owner, ofOwner);
    for (const { id, key } of ofOwner) if (pruned.has(id)) leftOut.add(key);
    const rest = ofOwner.filter(({ id }) => !pruned.has(id));
    const ids = await refusedIds(request, owner, rest, holding.of(owner));
    refused.set(
      owner,
      rest.flatMap(({ id, key }) => (ids.has(id) ? [key] : [])),
    );
  });
  const isWanted = ({ owner, key }: ListedSnapshot): boolean =>
    !leftOut.has(key) && !(refused.get(owner)?.includes(key) ?? false);
  return { wanted: left.filter(isWanted), refused };
}

/**
 * A revision that lost something is not put over one that has it: the copy may be the last place where it is. What
 * cannot be read is left to the copying, which says so.
 */
async function leaveOutLosses(
  { source, record, signal }: PlanRequest,
  lacking: readonly ListedSnapshot[],
  holding: Holding,
): Promise<void> {
  const later = lacking.filter(
    ({ owner, id, revision }) => revision > 0 && holding.of(owner).some((one) => one.id === id),
  );
  await eachLimited(later, readsAtOnce, async (listed) => {
    try {
      const lost = hasLost(await readAnySnapshot(source.provider, listed, signal));
      if (lost && (await holding.has(listed, 0))) record.leftOut.add(listed.key);
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
