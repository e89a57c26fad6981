/**
 * Repair: takes what is damaged or missing from a copy of the store, makes lost indexes again from segments,
 * and marks in new revisions what is lost for good, so that the rest restores and the loss has a name. What was
 * marked is taken back where a copy has it after all.
 *
 * Goes account by account, under its lock. Without `apply` nothing is changed; with it, the only objects that
 * are replaced are those that a copy has whole. Keys of an erased account never come back. Nothing is lost while a copy cannot be asked. A copy is mended
 * from the main store, by fetching alone. Manifests that nobody trusted signed are left alone, with all they name.
 */

import { type ErrorCode, errorCodes } from '../../errors.ts';
import { underLock } from '../account-lock.ts';
import { type AnySnapshot, type ListedSnapshot, listSnapshots, opened } from '../catalog.ts';
import { hasLost, NewestLost } from '../has-lost.ts';
import { bringBack } from './bring-back.ts';
import { CopiesAsked } from './copies-asked.ts';
import { fetchAll } from './fetch-all.ts';
import type { AccountListing } from './find-lost.ts';
import { clearLeftovers } from './leftovers.ts';
import { lookAgain } from './look-again.ts';
import { markLost } from './mark-lost.ts';
import { rebuildIndex } from './rebuild-index.ts';
import { replaceDamaged } from './replace-damaged.ts';
import type { RepairedObject, RepairedSnapshot, RepairReport, RepairRequest } from './types.ts';

interface AccountOutcome {
  readonly objects: readonly RepairedObject[];
  readonly snapshots: readonly RepairedSnapshot[];
  /** Snapshots there are, and how many of them were left alone. */
  readonly seen: number;
  readonly untrusted: number;
  readonly erased: number;
  readonly newestLost: number;
  readonly unread: number;
  /** Something is missing or damaged still. */
  readonly left: ErrorCode | null;
}

/**
 * Safe to repeat and to interrupt.
 *
 * @throws STORE_UNAVAILABLE, STORE_DENIED, STORE_FULL, INTERRUPTED what was mended until then stays mended
 * @throws IDENTITY_MISSING a key is lost that a copy may have
 */
export async function repair(asked: RepairRequest): Promise<RepairReport> {
  const { store, server, owners, signal } = asked;
  const listed = await listSnapshots(store, { server }, signal);
  const copies = await CopiesAsked.of(asked);
  const request = asked.apply ? asked : copies.planned.over(asked);
  const byOwner = Map.groupBy(listed, ({ owner }) => owner);
  for (const owner of ownersElsewhere(request, copies)) if (!byOwner.has(owner)) byOwner.set(owner, []);
  const wanted = [...byOwner].filter(([owner]) => owners === null || owners.includes(owner));
  const outcomes: AccountOutcome[] = [];
  const locked: string[] = [];
  let snapshotsSeen = 0;
  let passed = 0;
  // An account that lost all of them counts as one.
  const weight = (ofOwner: readonly ListedSnapshot[]): number => Math.max(1, ofOwner.length);
  const all = wanted.reduce((sum, [, ofOwner]) => sum + weight(ofOwner), 0);
  for (const [owner, ofOwner] of wanted) {
    signal.throwIfAborted();
    // Once more under the lock: prune may have been there since, and its work is no damage.
    const work = async () =>
      repairAccount(request, copies, {
        owner,
        listed: await listSnapshots(store, { server, owner }, signal),
      });
    const outcome = await (request.apply ? underLock(request.stateDir, owner, work) : work());
    snapshotsSeen += outcome === 'locked' ? ofOwner.length : outcome.seen;
    if (outcome === 'locked') locked.push(request.provider.siteOf?.(owner) ?? owner);
    else outcomes.push(outcome);
    passed += weight(ofOwner);
    request.onEvent({ type: 'account', share: passed / all });
  }
  const left = outcomes.find((one) => one.left !== null)?.left ?? null;
  const untrusted = outcomes.reduce((sum, one) => sum + one.untrusted, 0);
  // One of a stranger's among ours is for verify to tell; where there is nothing else, nothing was looked at.
  const strange = untrusted > 0 && untrusted === snapshotsSeen ? 'SNAPSHOT_UNTRUSTED' : null;
  const code = left ?? (locked.length > 0 ? 'ACCOUNT_LOCKED' : strange);
  return {
    snapshotsSeen,
    untrusted,
    erased: outcomes.reduce((sum, one) => sum + one.erased, 0),
    unread: outcomes.reduce((sum, one) => sum + one.unread, 0),
    objects: outcomes.flatMap(({ objects }) => objects),
    snapshots: outcomes.flatMap(({ snapshots }) => snapshots),
    leftovers: await clearLeftovers(request),
    unasked: copies.unasked,
    locked,
    newestLost: outcomes.reduce((sum, one) => sum + one.newestLost, 0),
    exitStatus: code === null ? 0 : errorCodes[code].exit,
  };
}

/** Accounts of which the store may have lost every snapshot. A copy need not have all accounts. */
const ownersElsewhere = (
  { server, remembered = [], isCopy = false }: RepairRequest,
  copies: CopiesAsked,
): readonly string[] =>
  isCopy
    ? []
    : [...copies.owners, ...remembered.flatMap((one) => (one.server === server ? [one.owner] : []))].sort();

async function repairAccount(
  request: RepairRequest,
  copies: CopiesAsked,
  account: AccountListing,
): Promise<AccountOutcome> {
  const seen = account.listed.length;
  if (request.isCopy === true) {
    const {
      snapshots: _,
      byHeader: __,
      ...fetched
    } = await fetchAll(request, copies, account, async (one) => one);
    return { ...fetched, snapshots: [], seen, newestLost: 0 };
  }
  const { provider, signal } = request;
  const fetched = await fetchAll(request, copies, account, (found) => opened(provider, found, signal));
  const { damage, missing, damaged, untrusted, erased, unread } = fetched;
  const objects = [...fetched.objects];
  const snapshots: RepairedSnapshot[] = [];
  const gone = new Set([...missing, ...damaged]);
  const hashed = new Map<string, string | null>();
  for (const sound of fetched.snapshots) {
    const { snapshot, listed: one, above } = sound;
    // What is below a damaged one was read to its end.
    const readData = request.readData || above !== undefined;
    const about = { snapshot, listed: one, damage, gone, hashed };
    const looked = await lookAgain({ ...request, readData }, copies, about);
    objects.push(...(looked?.objects ?? []));
    const back = await bringBack(request, snapshot, looked);
    if (back !== null) {
      snapshots.push(back);
      continue;
    }
    // The copy that cannot be asked may be the one that has it.
    if (copies.unasked.length > 0) continue;
    const found =
      (await rebuildIndex(request, snapshot, { missing, damaged }, looked)) ??
      (await markLost(request, snapshot, { missing, damaged }, looked)) ??
      (await replaceDamaged(request, sound, gone));
    if (found !== null) snapshots.push(found);
  }
  // Another machine wrote a revision meanwhile, or removed the snapshot.
  const outrun = request.apply && snapshots.some(({ published }) => !published) ? 'ACCOUNT_LOCKED' : null;
  const isStuck = fetched.snapshots.some(
    ({ snapshot: { name }, above }) => above !== undefined && !snapshots.some(isWholeNow(name)),
  );
  const stuck = copies.unasked.length > 0 ? 'STORE_UNAVAILABLE' : 'OBJECT_DAMAGED';
  const left = fetched.left ?? outrun ?? (isStuck ? stuck : null);
  const newestLost = newestLostOf(
    [...fetched.snapshots, ...fetched.byHeader].map(({ snapshot }) => snapshot),
    snapshots,
  );
  return { objects, snapshots, seen, untrusted, erased, unread, newestLost, left };
}

/** Whether what is damaged above it counts no more; a revision that lost something replaces nothing. */
const isWholeNow =
  (of: string) =>
  (one: RepairedSnapshot): boolean =>
    one.name === of && !lacks(one);

const lacks = ({ components, lostPaths }: RepairedSnapshot): boolean =>
  components.length > 0 || lostPaths > 0;

function newestLostOf(found: readonly AnySnapshot[], repaired: readonly RepairedSnapshot[]): number {
  const newest = new NewestLost();
  for (const snapshot of found) {
    const now = repaired.find(({ name }) => name === snapshot.name);
    const isLost =
      now === undefined ? hasLost(snapshot) : !now.broughtBack && (hasLost(snapshot) || lacks(now));
    newest.add(snapshot.header, isLost);
  }
  return newest.lost;
}
