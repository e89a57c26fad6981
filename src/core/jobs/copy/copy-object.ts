/**
 * Sends objects of a snapshot to a copy, and keeps those locked that are there already.
 *
 * What is there is never sent again where that is known; what is sent overwrites nothing.
 */

import { setTimeout } from 'node:timers/promises';
import type { ObjectRef } from '../../archive/manifest.ts';
import type { ObjectKind } from '../../contracts/provider.ts';
import type { ObjectInfo, PutResult } from '../../contracts/store.ts';
import { listKeys, pairSlot } from '../../encryption/owner-keys.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { eachLimited } from '../each-limited.ts';
import { lockRulesOf } from '../extend-locks.ts';
import { safeAgeMs } from '../gone-objects.ts';
import { CheckedBody, damaged } from './checked-body.ts';
import type { CopyPath, FoundManifest, SnapshotPath } from './copy-one.ts';
import type { Before } from './landed.ts';

/** Each of them may be several parts in flight, as the store sees fit. */
const objectsAtOnce = 3;

/** What the target lists, which is nothing where it is put-only. */
export type ObjectsThere = ReadonlyMap<string, Pick<ObjectInfo, 'sizeBytes' | 'modifiedAtMs'>>;

/** What an object finds in the target. */
export interface Place {
  readonly there: ObjectsThere;
  readonly before: Before;
  /** By key: since when the target has had what was offered to it; 0 where it had it before. Grows. */
  readonly ages: Map<string, number>;
}

export const sendAll = (path: CopyPath, objects: readonly ObjectRef[], place: Place): Promise<void> =>
  eachLimited(objects, objectsAtOnce, (object) => copyObject(path, object, place));

async function copyObject(path: CopyPath, object: ObjectRef, place: Place): Promise<void> {
  const { key, size } = object;
  const { there, before, ages } = place;
  const known = there.get(key);
  if (known !== undefined && known.sizeBytes !== size) throw otherSize(key, known.sizeBytes, size);
  const isThere = known !== undefined || (path.target.store.capabilities.putOnly && before.isNamed(key));
  const lockedAtMs = before.lockedAtMs(key, known?.modifiedAtMs ?? null);
  if (isThere && (await keepLocked(path, key, lockedAtMs)) === null) return;
  const body = new CheckedBody(path.source.provider.get({ key, signal: path.signal }), object);
  try {
    const put = await sendObject(path, object, body);
    ages.set(key, put === null ? 0 : path.now());
    const refusal = put === null ? await keepLocked(path, key, null) : null;
    if (refusal?.code === 'STORE_DENIED') throw refusal;
  } catch (error) {
    throw body.sourceError ?? error;
  }
}

/**
 * A target that cannot be looked at: what it had had for long when the manifest came, and nothing else is known to name, a
 * prune elsewhere may have removed, or be about to.
 */
export async function sendOldAgain(
  path: SnapshotPath,
  objects: readonly ObjectRef[],
  place: Place,
): Promise<void> {
  const youngMs = path.now() - safeAgeMs;
  const old = objects.filter(({ key }) => (place.ages.get(key) ?? Number.POSITIVE_INFINITY) < youngMs);
  if (old.length === 0) return;
  await setTimeout(path.settleMs, undefined, { signal: path.signal });
  await sendAll(path, old, place);
}

/**
 * For as long as what is sent now, so that the whole snapshot stays.
 *
 * @returns why it may not be there; null where it is, as far as known. To those who may not look, services like AWS and Ceph
 *   refuse what is not there
 */
async function keepLocked(
  { target, signal }: CopyPath,
  key: string,
  lockedAtMs: number | null,
): Promise<HoldfastError | null> {
  const { store } = target;
  if (lockRulesOf(store) === null) return null;
  try {
    await store.extendLock?.({ key, lockedAtMs, signal });
    return null;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    const isRefused = store.capabilities.putOnly && error.code === 'STORE_DENIED';
    if (error.code !== 'OBJECT_MISSING' && !isRefused) throw error;
    return error;
  }
}

/**
 * Of all its pairs all revisions that went there: without its keys no snapshot opens. What an erasure names is to go once
 * its lock ends.
 */
export async function keepKeysLocked(
  path: SnapshotPath,
  { header: { server, owner, encryption } }: FoundManifest,
): Promise<void> {
  const { source, target, erasures, signal } = path;
  if (encryption === undefined || lockRulesOf(target.store) === null) return;
  const lister = target.store.capabilities.putOnly ? source : target;
  const listed = await listKeys(lister.store, { server, owner }, signal);
  const destroyed = await Promise.all(erasures.map((one) => one.destroyed(server, owner)));
  const keys = listed.filter((one) => !destroyed.some((slots) => slots.has(pairSlot(one))));
  let kept = 0;
  const refused: HoldfastError[] = [];
  await eachLimited(keys, objectsAtOnce, async ({ key }) => {
    const refusal = await keepLocked(path, key, null);
    if (refusal === null) kept += 1;
    else if (refusal.code === 'STORE_DENIED') refused.push(refusal);
  });
  // Where one could be extended, the right is there and the others are not.
  if (kept === 0 && refused[0] !== undefined) throw refused[0];
}

/** As `send`. */
export const sendObject = (
  path: CopyPath,
  { kind, key, size }: ObjectRef,
  body: AsyncIterable<Uint8Array>,
): Promise<PutResult | null> => send(path, { kind: kind === 'beside' ? 'export' : kind, key, size, body });

interface Sending {
  readonly kind: ObjectKind;
  readonly key: string;
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Create-only; what is there already is taken for the same where its size is. @returns null where it was */
export async function send(
  { target, signal, onSent }: CopyPath,
  { kind, key, size, body }: Sending,
): Promise<PutResult | null> {
  let put: PutResult | null = null;
  try {
    put = await target.provider.put({ kind, key, body, sizeBytes: size, createOnly: true, signal });
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'OBJECT_EXISTS') throw error;
  }
  if (!target.store.capabilities.putOnly) {
    const info = await target.store.head({ key, signal });
    if (info === null) throw damaged(`object ${key} is not in the copy after it was sent`);
    if (info.sizeBytes !== size) throw otherSize(key, info.sizeBytes, size);
  }
  if (put !== null) onSent(size);
  return put;
}

function otherSize(key: string, found: number, wanted: number): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', `object ${key} has ${found} bytes in the copy, not ${wanted}`, {
    hint: 'Run `holdfast repair --copy NAME --apply`, or remove that object from the copy; the next run sends it again.',
  });
}
