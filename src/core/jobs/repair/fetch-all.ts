/**
 * Finds what is damaged of one account and takes from copies what they have of it: manifests first, since they name the
 * rest, then the keys that open them, then the objects; manifests that are gone come last, after all that they name.
 */

import type { ObjectRef } from '../../archive/manifest.ts';
import { type ErrorCode, type HoldfastError, isHoldfastError } from '../../errors.ts';
import type { AnySnapshot, ListedSnapshot } from '../catalog.ts';
import { wasPruned } from '../was-pruned.ts';
import type { CopiesAsked } from './copies-asked.ts';
import { type Damage, examine, type Manifests, readManifests, refsOf, type Sound } from './examine.ts';
import { fetchManifest, fetchObject } from './fetch-from-copy.ts';
import { type FetchedKeys, fetchKeys } from './fetch-keys.ts';
import { fetchLost } from './fetch-lost.ts';
import { type AccountListing, findLost } from './find-lost.ts';
import type { RepairedObject, RepairRequest } from './types.ts';

export interface Fetched<S extends AnySnapshot> {
  readonly objects: readonly RepairedObject[];
  /** Those that could be opened. */
  readonly snapshots: readonly Sound<S>[];
  /** Others that there are, or would be with `apply`, known by their headers. */
  readonly byHeader: readonly Sound[];
  readonly damage: Damage;
  /** Keys of objects that nobody gave back: that are gone, and that are not whole. */
  readonly missing: ReadonlySet<string>;
  readonly damaged: ReadonlySet<string>;
  /** How many snapshots were left alone, since nobody trusted signed them, or nobody can read them any more. */
  readonly untrusted: number;
  readonly erased: number;
  /** How many could not be opened for want of an identity, or of the right one. */
  readonly unread: number;
  /** Something is missing or damaged still, besides the manifests above those of `snapshots`. */
  readonly left: ErrorCode | null;
}

/**
 * @param open what is read of trusted ones besides their headers: their bodies, or nothing where nobody has the keys
 */
export async function fetchAll<S extends AnySnapshot>(
  request: RepairRequest,
  copies: CopiesAsked,
  account: AccountListing,
  open: (snapshot: AnySnapshot) => Promise<S>,
): Promise<Fetched<S>> {
  const { apply, server } = request;
  const { owner, listed } = account;
  const { manifests, objects } = await fetchManifests(request, copies, listed);
  const replaced = manifests.damaged.flatMap(({ listed: one, isReplaced }) => (isReplaced ? [one.key] : []));
  const lost = await findLost(request, copies, account, manifests);
  const sound = [...manifests.sound, ...lost.found];
  const keys = await fetchKeys(request, copies, { server, owner }, { ...manifests, sound });
  objects.push(...keys.objects);
  const opened = await openSound(request, manifests.sound, keys, open);
  const { snapshots, awaited, closed, locked } = opened;
  // Those that are locked are known by their headers, as without an identity.
  const returning = lost.found.filter(({ snapshot }) => {
    const lack = keys.lackOf(snapshot.header);
    return lack === null || lack.error.code === 'IDENTITY_WRONG';
  });
  for (const one of lost.found)
    if (!returning.includes(one))
      closed.push({ listed: one.listed, error: keys.lackOf(one.snapshot.header)!.error });
  for (const { listed: one, error } of closed)
    objects.push({ key: one.key, owner, problem: error.message, copy: null, mended: false });
  // For these a new revision may stand, which is for the caller.
  const above = request.isCopy === true ? [] : snapshots.flatMap((one) => one.above ?? []);
  const isSeenTo = new Set([...replaced, ...above]);
  const isUnmended = objects.some(
    ({ key, copy, mended }) => !isSeenTo.has(key) && (copy === null || (apply && !mended)),
  );
  const keyPlace = `keys/${server}/${owner}/`;
  for (const problem of locked) objects.push({ key: keyPlace, owner, problem, copy: null, mended: false });
  let left: ErrorCode | null = closed[0]?.error.code ?? (isUnmended ? 'OBJECT_DAMAGED' : null);
  const examined = await fetchDamaged(request, copies, account, [...snapshots, ...awaited]);
  const { damage, missing, damaged } = examined;
  objects.push(...examined.objects);
  const gone = new Set([...missing, ...damaged]);
  const whole = new Set([...refsOf(examined.left).keys()].filter((key) => !gone.has(key)));
  const back = await fetchLost(request, copies, returning, { whole, gone });
  objects.push(...back.objects);
  const key = `manifests/${server}/${owner}/`;
  for (const problem of lost.gaps) objects.push({ key, owner, problem, copy: null, mended: false });
  const isAway = missing.size > 0 || back.isIncomplete || lost.gaps.length > 0;
  if ((isAway || damaged.size + closed.length > 0) && copies.unasked.length > 0) left = 'STORE_UNAVAILABLE';
  else if (isAway) left = 'OBJECT_MISSING';
  else if (damaged.size > 0) left ??= 'OBJECT_DAMAGED';
  if (locked.size > 0) left ??= 'IDENTITY_WRONG';
  const there = new Set<Sound>(examined.left);
  return {
    objects,
    snapshots: snapshots.filter((one) => there.has(one)),
    byHeader: [...awaited, ...returning].filter((one) => there.has(one) || back.keys.has(one.listed.key)),
    damage,
    missing,
    damaged,
    untrusted: manifests.untrusted.length,
    erased: manifests.erased.length,
    unread: awaited.length,
    left,
  };
}

interface ExaminedObjects extends Pick<Fetched<AnySnapshot>, 'objects' | 'damage' | 'missing' | 'damaged'> {
  /** Snapshots that are there still. */
  readonly left: readonly Sound[];
}

async function fetchDamaged(
  request: RepairRequest,
  copies: CopiesAsked,
  { owner }: AccountListing,
  sound: readonly Sound[],
): Promise<ExaminedObjects> {
  const damage = new Map<string, { ref: ObjectRef; problem: string }>();
  const objects: RepairedObject[] = [];
  const [missing, damaged] = [new Set<string>(), new Set<string>()];
  const examineNow = async (readData: boolean, of: readonly Sound[]): Promise<readonly Sound[]> => {
    const found = await examine<Sound>({ ...request, readData }, of);
    for (const [key, { ref, problem }] of found.objects) {
      if (damage.has(key)) continue;
      damage.set(key, { ref, problem });
      const copy = await fetchObject(request, copies, ref);
      objects.push({ key, owner, problem, copy, mended: request.apply && copy !== null });
      if (copy === null) (problem === 'it is missing' ? missing : damaged).add(key);
    }
    return found.left;
  };
  const left = await examineNow(request.readData, sound);
  if (request.readData || request.isCopy === true) return { objects, damage, missing, damaged, left };
  // Of its segments the index of a full is made again.
  const isRemade = ({ snapshot: { header } }: Sound): boolean =>
    header.level === 'full' &&
    header.objects.some(({ kind, key }) => kind === 'index' && (missing.has(key) || damaged.has(key)));
  const remade = new Set(left.filter(isRemade));
  const still = new Set(await examineNow(true, [...remade]));
  return {
    objects,
    damage,
    missing,
    damaged,
    left: left.filter((one) => !remade.has(one) || still.has(one)),
  };
}

async function fetchManifests(
  request: RepairRequest,
  copies: CopiesAsked,
  listed: readonly ListedSnapshot[],
): Promise<{ readonly manifests: Manifests; readonly objects: RepairedObject[] }> {
  let manifests = await readManifests(request, listed);
  const taken = new Map<string, RepairedObject>();
  for (;;) {
    // Below one that is whole again there may be others.
    const found = manifests.damaged.filter((one) => !taken.has(one.listed.key));
    for (const { listed: one, problem } of found) {
      const copy = await fetchManifest(request, copies, one);
      const { key, owner } = one;
      taken.set(key, { key, owner, problem, copy, mended: request.apply && copy !== null });
    }
    if (!found.some(({ listed: { key } }) => taken.get(key)!.copy !== null)) break;
    manifests = await readManifests(request, listed);
  }
  const still = new Set(manifests.damaged.map((one) => one.listed.key));
  const objects = [...taken.values()].map((one) => ({ ...one, mended: one.mended && !still.has(one.key) }));
  return { manifests, objects };
}

interface OpenedSound<S extends AnySnapshot> {
  readonly snapshots: readonly Sound<S>[];
  /** Judged by their headers, since no identity opens them. */
  readonly awaited: readonly Sound[];
  /** Why not with those that were given: of each key once, as it may lock years of snapshots. */
  readonly locked: ReadonlySet<string>;
  /** Whole and trusted, but a key is missing or damaged that they need. */
  readonly closed: { readonly listed: ListedSnapshot; readonly error: HoldfastError }[];
}

async function openSound<S extends AnySnapshot>(
  request: RepairRequest,
  sound: readonly Sound[],
  keys: FetchedKeys,
  open: (snapshot: AnySnapshot) => Promise<S>,
): Promise<OpenedSound<S>> {
  const snapshots: Sound<S>[] = [];
  const awaited: Sound[] = [];
  const closed: { listed: ListedSnapshot; error: HoldfastError }[] = [];
  const locked = new Set<string>();
  for (const one of sound) {
    const { snapshot, listed } = one;
    const lack = keys.lackOf(snapshot.header);
    if (lack?.error.code === 'IDENTITY_WRONG') {
      // Also where its body opens: of objects that an identity does not open nobody may say that they are lost.
      awaited.push(one);
      locked.add(lack.error.message);
      continue;
    }
    if (lack !== null) closed.push({ listed, error: lack.error });
    if (lack?.ofBody === true) continue;
    try {
      snapshots.push({ ...one, snapshot: await open(snapshot) });
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:OBJECT|IDENTITY)_/.test(error.code)) throw error;
      if (/^IDENTITY_/.test(error.code)) {
        awaited.push(one);
        if (error.code === 'IDENTITY_WRONG') locked.add(error.message);
        continue;
      }
      if (error.code === 'OBJECT_MISSING' && (await wasPruned(request, listed))) continue;
      closed.push({ listed, error });
    }
  }
  return { snapshots, awaited, locked, closed };
}
