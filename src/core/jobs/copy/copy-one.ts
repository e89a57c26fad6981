/**
 * Copies one snapshot from store to store: its objects, those it refers to, its manifest last of all.
 *
 * The manifest is put only when each object is there in its size, and each that was sent had the hash the
 * manifest gives it. Overwrites nothing and removes nothing but a manifest of its own that came out broken,
 * so it can be repeated after any interruption.
 */

import { manifestLimitBytes, type ObjectRef, type ReadManifest } from '../../archive/manifest.ts';
import type { ObjectKind, Provider } from '../../contracts/provider.ts';
import type { ObjectInfo, Store } from '../../contracts/store.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { bytesOf, collect } from '../../streams.ts';
import { type ListedSnapshot, manifestOf, snapshotName } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import type { Trust } from '../trust.ts';
import { walk } from '../walk.ts';
import { CheckedBody, damaged } from './checked-body.ts';
import { areNamedByParents } from './named-by-parents.ts';

export interface OpenStore {
  readonly store: Store;
  /** What errors call it. */
  readonly where?: () => string;
  readonly provider: Provider;
}

export interface CopyPath {
  readonly source: OpenStore;
  readonly target: OpenStore;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Called for every object that was sent. */
  readonly onSent: (bytes: number) => void;
}

/** Each of them may be several parts in flight, as the store sees fit. */
const objectsAtOnce = 3;
/** So often is put again what another machine's prune removed. */
const healings = 3;
/** Prune spares what the store has had for a day; less here, for clocks that differ. */
const safeAgeMs = 12 * 3_600_000;

/** Its body may be locked: what is copied is the stored bytes. */
export interface FoundManifest extends ReadManifest {
  readonly listed: ListedSnapshot;
  readonly bytes: Buffer;
  readonly name: string;
}

/** UUID of the owner where the body is locked. */
export const siteOf = ({ body, header }: Pick<ReadManifest, 'body' | 'header'>): string =>
  body?.account.site ?? header.owner;

/**
 * @param trust whose word on a newer format counts; anybody else's is damage
 * @throws OBJECT_MISSING, OBJECT_DAMAGED, FORMAT_UNSUPPORTED
 */
export async function readManifest(
  { source, signal }: Pick<CopyPath, 'source' | 'signal'>,
  listed: ListedSnapshot,
  trust?: Trust,
): Promise<FoundManifest> {
  const { key } = listed;
  const bytes = await collect(source.provider.get({ key, signal }), manifestLimitBytes);
  const manifest = manifestOf(bytes, listed, trust);
  return { ...manifest, listed, bytes, name: snapshotName(siteOf(manifest), listed) };
}

/**
 * The caller holds the account's lock, which keeps away prune on this machine. One on another machine may
 * have decided already to remove what is found there, so all is looked at once more under the manifest.
 *
 * @returns `doubtful` where such a removal may come even after that look; see `lookAgain`
 * @throws OBJECT_MISSING, OBJECT_DAMAGED the source lacks an object or has a damaged one, or the target
 *   has another one of that name
 * @throws COPY_FAILED objects vanish from the target; its manifest is removed again
 * @throws STORE_UNAVAILABLE, STORE_FULL, STORE_DENIED
 */
export async function copyOne(path: CopyPath, manifest: FoundManifest): Promise<'sure' | 'doubtful'> {
  const { listed, bytes } = manifest;
  const objects = objectsOf(manifest);
  const there = await objectsThere(path, listed);
  await sendAll(path, objects, there);
  const { key } = listed;
  const sent = await send(path, { kind: 'manifest', key, size: bytes.length, body: bytesOf(bytes) });
  // One that was there before is not ours to remove.
  if (!sent || path.target.store.capabilities.putOnly) return 'sure';
  await lookAgain(path, manifest);
  // What is found there and old may be left over.
  const isOld = (one: ObjectRef): boolean =>
    (there.get(one.key)?.modifiedAtMs ?? Number.POSITIVE_INFINITY) < path.now() - safeAgeMs;
  return (await areNamedByParents(path, manifest, objects.filter(isOld))) ? 'sure' : 'doubtful';
}

/**
 * Whether a copied snapshot still has all its objects. Puts again what it lacks: now that the manifest is
 * there, prune looks and spares it. Where that does not help, the manifest goes, so that nothing is listed
 * that cannot be restored.
 *
 * @throws COPY_FAILED, or whatever else kept it from being known
 */
export async function lookAgain(path: CopyPath, manifest: FoundManifest): Promise<void> {
  const { listed, name } = manifest;
  try {
    for (let tries = 0; tries < healings; tries++) {
      const there = await objectsThere(path, listed);
      const gone = objectsOf(manifest).filter(({ key }) => isListed(key, listed) && !there.has(key));
      if (gone.length === 0) return;
      await sendAll(path, gone, there);
    }
    throw new HoldfastError('COPY_FAILED', `objects of ${name} vanish from the copy while it is copied`, {
      hint: 'Look for what removes them: prune on another machine, a lifecycle rule, a person.',
    });
  } catch (error) {
    await takeBack(path, manifest, error);
    throw error;
  }
}

/** Also after an interruption. */
async function takeBack({ target }: CopyPath, { listed, name }: FoundManifest, cause: unknown) {
  const { signal } = new AbortController();
  try {
    await target.store.remove({ key: listed.key, signal });
  } catch {
    const message = `${name} is listed in the copy and may lack objects: ${(cause as Error).message}`;
    throw new HoldfastError('COPY_FAILED', message, {
      cause,
      hint: `Run \`holdfast verify --copy\` and, where it lacks any, remove ${listed.key} from the copy.`,
    });
  }
}

const objectsOf = ({ header }: FoundManifest): readonly ObjectRef[] => [
  ...header.objects,
  ...header.references,
];

type ObjectsThere = ReadonlyMap<string, Pick<ObjectInfo, 'sizeBytes' | 'modifiedAtMs'>>;

const prefixesOf = ({ server, owner }: ListedSnapshot): readonly string[] => [
  `data/${server}/${owner}/`,
  `index/${server}/${owner}/`,
];

/** An object of another account or server is no part of `objectsThere`. */
const isListed = (key: string, listed: ListedSnapshot): boolean =>
  prefixesOf(listed).some((prefix) => key.startsWith(prefix));

/** What the target has of this owner. */
async function objectsThere({ target, signal }: CopyPath, listed: ListedSnapshot): Promise<ObjectsThere> {
  const objects = new Map<string, Pick<ObjectInfo, 'sizeBytes' | 'modifiedAtMs'>>();
  if (target.store.capabilities.putOnly) return objects;
  for (const prefix of prefixesOf(listed)) {
    for await (const { key, sizeBytes, modifiedAtMs } of walk(target.store, prefix, signal)) {
      objects.set(key, { sizeBytes, modifiedAtMs });
    }
  }
  return objects;
}

const sendAll = (path: CopyPath, objects: readonly ObjectRef[], there: ObjectsThere): Promise<void> =>
  eachLimited(objects, objectsAtOnce, (object) => copyObject(path, object, there));

async function copyObject(path: CopyPath, object: ObjectRef, there: ObjectsThere): Promise<void> {
  const { key, size, kind } = object;
  const known = there.get(key);
  const found = known?.sizeBytes;
  if (found === size) return keepLocked(path, key, known!.modifiedAtMs);
  if (found !== undefined) throw otherSize(key, found, size);
  const body = new CheckedBody(path.source.provider.get({ key, signal: path.signal }), object);
  try {
    await send(path, { kind: kind === 'beside' ? 'export' : kind, key, size, body });
  } catch (error) {
    throw body.sourceError ?? error;
  }
}

/** For as long as what is sent now, so that the whole snapshot stays. */
async function keepLocked({ target, signal }: CopyPath, key: string, lockedAtMs: number): Promise<void> {
  const { store } = target;
  if (store.capabilities.objectLock) await store.extendLock?.({ key, lockedAtMs, signal });
}

interface Sending {
  readonly kind: ObjectKind;
  readonly key: string;
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Create-only; what is there already is taken for the same where its size is. @returns whether it was not */
async function send(
  { target, signal, onSent }: CopyPath,
  { kind, key, size, body }: Sending,
): Promise<boolean> {
  let sent = true;
  try {
    await target.provider.put({ kind, key, body, sizeBytes: size, createOnly: true, signal });
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'OBJECT_EXISTS') throw error;
    sent = false;
  }
  if (!target.store.capabilities.putOnly) {
    const info = await target.store.head({ key, signal });
    if (info === null) throw damaged(`object ${key} is not in the copy after it was sent`);
    if (info.sizeBytes !== size) throw otherSize(key, info.sizeBytes, size);
  }
  if (sent) onSent(size);
  return sent;
}

function otherSize(key: string, found: number, wanted: number): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', `object ${key} has ${found} bytes in the copy, not ${wanted}`, {
    hint: 'Run `holdfast repair --copy NAME --apply`, or remove that object from the copy; the next run sends it again.',
  });
}
