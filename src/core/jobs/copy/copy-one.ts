/**
 * Copies one snapshot from store to store: its objects, those it refers to, its manifest last of all.
 *
 * The manifest is put only when each object is there in its size, and each that was sent had the hash the
 * manifest gives it. Overwrites nothing and removes nothing but a manifest of its own that came out broken,
 * so it can be repeated after any interruption.
 */

import { manifestLimitBytes, type ObjectRef, type ReadManifest } from '../../archive/manifest.ts';
import type { Provider } from '../../contracts/provider.ts';
import type { ObjectInfo, Store } from '../../contracts/store.ts';
import { HoldfastError } from '../../errors.ts';
import { bytesOf, collect } from '../../streams.ts';
import { type ListedSnapshot, manifestOf, snapshotName } from '../catalog.ts';
import type { Erasures } from '../erasures.ts';
import { safeAgeMs } from '../gone-objects.ts';
import type { Trust } from '../trust.ts';
import { walk } from '../walk.ts';
import { keepKeysLocked, type ObjectsThere, send, sendAll, sendOldAgain } from './copy-object.ts';
import { type Landed, nothingKnown } from './landed.ts';
import { areNamedByParents } from './named-by-parents.ts';

export interface OpenStore {
  readonly store: Store;
  /** What errors call it. */
  readonly where?: () => string;
  /** Where it is, as far as the configuration says; the same text means the same place. */
  readonly place?: string;
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

/** So often is put again what another machine's prune removed. */
const healings = 3;

export interface SnapshotPath extends CopyPath {
  /** What is known of the target from earlier copying; learns of this one. */
  readonly landed: Landed;
  /** For so long after its look at the manifests may a prune on another machine remove objects. */
  readonly settleMs: number;
  /** Of the stores that can be asked: the keys they name are kept no longer than they must be. */
  readonly erasures: readonly Erasures[];
}

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
 * have decided already to remove what is found there, so all is looked at once more under the manifest. A target that cannot be
 * looked at is sent once more what such a prune may have taken for left over. All that is named stays locked for as
 * long as what is sent now.
 *
 * @returns `doubtful` where such a removal may come even after that look; see `lookAgain`
 * @throws OBJECT_MISSING, OBJECT_DAMAGED the source lacks an object or has a damaged one, or the target
 *   has another one of that name
 * @throws COPY_FAILED objects vanish from the target; its manifest is removed again
 * @throws STORE_UNAVAILABLE, STORE_FULL, STORE_DENIED
 */
export async function copyOne(path: SnapshotPath, manifest: FoundManifest): Promise<'sure' | 'doubtful'> {
  const { listed, bytes } = manifest;
  const { landed, target } = path;
  const objects = objectsOf(manifest);
  const begunMs = path.now();
  const there = await objectsThere(path, listed);
  const place = { there, before: await landed.before(path, listed.owner), ages: new Map() };
  await sendAll(path, objects, place);
  await keepKeysLocked(path, manifest);
  const { key } = listed;
  const put = await send(path, { kind: 'manifest', key, size: bytes.length, body: bytesOf(bytes) });
  const tookMs = Math.max(0, path.now() - begunMs);
  const lockedAtMs = put === null ? null : (put.storedAtMs ?? path.now()) - tookMs;
  const { putOnly } = target.store.capabilities;
  // Under a manifest that was there before nothing is taken for left over.
  if (putOnly && put !== null) await sendOldAgain(path, objects, place);
  landed.add(manifest, begunMs, lockedAtMs);
  // One that was there before is not ours to remove.
  if (put === null || putOnly) return 'sure';
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
      await sendAll(path, gone, { there, before: nothingKnown, ages: new Map() });
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

/** Its own objects last: until the manifest is there nothing else names those. */
const objectsOf = ({ header }: FoundManifest): readonly ObjectRef[] => [
  ...header.references,
  ...header.objects,
];

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
