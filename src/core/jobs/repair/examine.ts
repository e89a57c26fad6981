/**
 * Finds the damaged objects of one account: manifests that cannot be read, and what readable ones name and the
 * store does not have as they say. Index objects are always read whole; they are small.
 *
 * What a manifest says that nobody trusted signed is no reason to call anything damaged: it may name an object of ours
 * with another size. Nor is anything of a snapshot that prune elsewhere removes meanwhile: brought back it would lack what
 * goes after it. Nor is a manifest for want of the key that opens it, which no other copy of that manifest gives back.
 */

import { createHash } from 'node:crypto';
import type { ObjectRef } from '../../archive/manifest.ts';
import { type HoldfastError, isHoldfastError } from '../../errors.ts';
import { atMost } from '../../streams.ts';
import { type AnySnapshot, type ListedSnapshot, readSoundSnapshot } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import { Erasures } from '../erasures.ts';
import { standingOf } from '../trust.ts';
import { wasPruned } from '../was-pruned.ts';
import type { RepairRequest } from './types.ts';

const atOnce = 8;

export interface Damage<S extends AnySnapshot = AnySnapshot> {
  /** By key. */
  readonly objects: ReadonlyMap<string, { readonly ref: ObjectRef; readonly problem: string }>;
  readonly manifests: readonly { readonly listed: ListedSnapshot; readonly problem: string }[];
  /** Those whose manifests can be read and are trusted, oldest first. */
  readonly snapshots: readonly { readonly snapshot: S; readonly listed: ListedSnapshot }[];
  /** Whole and trusted, but the key of its body is missing or damaged; none of those that were erased. */
  readonly closed: readonly { readonly listed: ListedSnapshot; readonly error: HoldfastError }[];
  /** How many others can be read. */
  readonly untrusted: number;
  /** How many nobody can read any more, on purpose. */
  readonly erased: number;
}

/** @param open what is read of trusted ones besides their headers: their bodies, or nothing where nobody has the keys */
export async function examine<S extends AnySnapshot>(
  request: RepairRequest,
  listed: readonly ListedSnapshot[],
  open: (snapshot: AnySnapshot) => Promise<S>,
): Promise<Damage<S>> {
  const { provider, trust, signal } = request;
  const snapshots: { snapshot: S; listed: ListedSnapshot }[] = [];
  const manifests: { listed: ListedSnapshot; problem: string }[] = [];
  const closed: { listed: ListedSnapshot; error: HoldfastError }[] = [];
  const erasures = new Erasures(request);
  let [untrusted, erased] = [0, 0];
  for (const one of listed) {
    let found: AnySnapshot | null = null;
    try {
      found = await readSoundSnapshot(provider, one, signal, trust);
      const isTrusted = trust === undefined || standingOf(found, trust) === 'trusted';
      if (isTrusted && found.body === null && (await erasures.of(found.header)) !== null) {
        erased += 1;
        continue;
      }
      for (const { key, code, message } of found.passedOver ?? []) {
        const revision = [one, ...(one.earlier ?? [])].find((other) => other.key === key)!;
        if (code !== 'SNAPSHOT_UNTRUSTED') manifests.push({ listed: revision, problem: message });
      }
      if (isTrusted) snapshots.push({ snapshot: await open(found), listed: one });
      else untrusted += 1;
    } catch (error) {
      if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
      if (error.code === 'OBJECT_MISSING' && (await wasPruned(request, one))) continue;
      if (found?.body === null) closed.push({ listed: one, error });
      else manifests.push({ listed: one, problem: error.message });
    }
  }
  const refs = refsOf(snapshots);
  const objects = new Map<string, { ref: ObjectRef; problem: string }>();
  await eachLimited([...refs.values()], atOnce, async (ref) => {
    const problem = await problemOf(request, ref);
    if (problem !== null) objects.set(ref.key, { ref, problem });
  });
  const besides = { manifests, closed, objects, untrusted, erased };
  if (objects.size === 0) return { snapshots, ...besides };
  const left: typeof snapshots = [];
  for (const one of snapshots) {
    const suffers = [...refsOf([one]).keys()].some((key) => objects.has(key));
    if (!suffers || !(await wasPruned(request, one.listed))) left.push(one);
  }
  const needed = refsOf(left);
  for (const key of objects.keys()) if (!needed.has(key)) objects.delete(key);
  return { snapshots: left, ...besides };
}

function refsOf(snapshots: readonly { readonly snapshot: AnySnapshot }[]): Map<string, ObjectRef> {
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
