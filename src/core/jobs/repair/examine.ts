/**
 * Finds the damaged objects of one account: manifests that cannot be read, and what readable ones name and the
 * store does not have as they say. Index objects are always read whole; they are small.
 *
 * What a manifest says that nobody trusted signed is no reason to call anything damaged: it may name an object of ours
 * with another size. Nor is anything of a snapshot that prune elsewhere removes meanwhile: brought back it would lack what
 * goes after it. Nor is a manifest for want of the key that opens it, which no other copy of that manifest gives back:
 * keys come in between, from fetch-keys.ts.
 */

import { createHash } from 'node:crypto';
import type { ManifestHeader, ObjectRef } from '../../archive/manifest.ts';
import { isHoldfastError } from '../../errors.ts';
import { atMost } from '../../streams.ts';
import { type AnySnapshot, type ListedSnapshot, readSoundSnapshot, type Snapshot } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import { Erasures } from '../erasures.ts';
import { standingOf } from '../trust.ts';
import { wasPruned } from '../was-pruned.ts';
import { type DamagedManifest, damagedAbove, damagedBelow } from './damaged-revisions.ts';
import type { RepairRequest } from './types.ts';

const atOnce = 8;

export interface Sound<S extends AnySnapshot = AnySnapshot> {
  readonly snapshot: S;
  readonly listed: ListedSnapshot;
  /** Keys of damaged revisions above it that a new one would stand above: all that it names is hashed. Left out where there are none. */
  readonly above?: readonly string[];
}

export type OpenedSound = Sound<Snapshot>;

export interface Manifests {
  /** Those that can be read and are trusted, oldest first. */
  readonly sound: readonly Sound[];
  readonly damaged: readonly DamagedManifest[];
  /** The others that can be read. */
  readonly untrusted: readonly ListedSnapshot[];
  /** Those that nobody can read any more, on purpose. */
  readonly erased: readonly ManifestHeader[];
}

export async function readManifests(
  request: RepairRequest,
  listed: readonly ListedSnapshot[],
): Promise<Manifests> {
  const { provider, trust, signal } = request;
  const sound: Sound[] = [];
  const damaged: DamagedManifest[] = [];
  const erased: ManifestHeader[] = [];
  const erasures = new Erasures(request);
  const untrusted: ListedSnapshot[] = [];
  for (const one of listed) {
    try {
      const snapshot = await readSoundSnapshot(provider, one, signal, trust);
      const isTrusted = trust === undefined || standingOf(snapshot, trust) === 'trusted';
      if (isTrusted && snapshot.body === null && (await erasures.of(snapshot.header)) !== null) {
        erased.push(snapshot.header);
        continue;
      }
      const { found, above } = damagedAbove(one, snapshot);
      damaged.push(...found);
      if (isTrusted) damaged.push(...(await damagedBelow(request, one, snapshot)));
      if (isTrusted) sound.push({ snapshot, listed: one, ...(above.length > 0 && { above }) });
      else untrusted.push(one);
    } catch (error) {
      if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
      if (error.code === 'OBJECT_MISSING' && (await wasPruned(request, one))) continue;
      damaged.push({ listed: one, problem: error.message });
    }
  }
  return { sound, damaged, untrusted, erased };
}

/** What is wrong with which object, by key. */
export type Damage = ReadonlyMap<string, { readonly ref: ObjectRef; readonly problem: string }>;

/** Of the objects that these name, and those of them that prune did not remove meanwhile. */
export async function examine<T extends Sound>(
  request: RepairRequest,
  sound: readonly T[],
): Promise<{ readonly objects: Damage; readonly left: readonly T[] }> {
  const objects = new Map<string, { ref: ObjectRef; problem: string }>();
  const proved = refsOf(sound.filter(({ above }) => above !== undefined));
  await eachLimited([...refsOf(sound).values()], atOnce, async (ref) => {
    const readData = request.readData || proved.has(ref.key);
    const problem = await problemOf({ ...request, readData }, ref);
    if (problem !== null) objects.set(ref.key, { ref, problem });
  });
  if (objects.size === 0) return { objects, left: sound };
  const left: T[] = [];
  for (const one of sound) {
    const suffers = [...refsOf([one]).keys()].some((key) => objects.has(key));
    if (!suffers || !(await wasPruned(request, one.listed))) left.push(one);
  }
  const needed = refsOf(left);
  for (const key of objects.keys()) if (!needed.has(key)) objects.delete(key);
  return { objects, left };
}

export function refsOf(snapshots: readonly { readonly snapshot: AnySnapshot }[]): Map<string, ObjectRef> {
  const refs = new Map<string, ObjectRef>();
  for (const { header } of snapshots.map(({ snapshot }) => snapshot))
    for (const ref of [...header.objects, ...header.references]) refs.set(ref.key, ref);
  return refs;
}

/** In plain words; null where the object is as its manifest says. */
export async function problemOf(
  request: Pick<RepairRequest, 'store' | 'provider' | 'readData' | 'signal' | 'onEvent'>,
  ref: ObjectRef,
): Promise<string | null> {
  const { key, size, kind } = ref;
  const found = await request.store.head({ key, signal: request.signal });
  if (found === null) return 'it is missing';
  if (found.sizeBytes !== size) return `it has ${found.sizeBytes} bytes, not ${size}`;
  if (kind !== 'index' && !request.readData) return null;
  const wrong = 'it has another hash than when it was written';
  try {
    return (await hashOf(request, ref)) === ref.sha256 ? null : wrong;
  } catch (error) {
    if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
    return error.message;
  }
}

async function hashOf(
  { provider, signal, onEvent }: Pick<RepairRequest, 'provider' | 'signal' | 'onEvent'>,
  { key, size }: ObjectRef,
): Promise<string> {
  const digest = createHash('sha256');
  for await (const piece of atMost(provider.get({ key, signal }), size, key)) {
    digest.update(piece);
    onEvent({ type: 'bytes', bytes: piece.length });
  }
  return digest.digest('hex');
}
