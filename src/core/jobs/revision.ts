/**
 * New revisions of manifests: how what is known of a snapshot is replaced without a gap for its readers.
 *
 * The new one is put beside the old, which prune removes once the new one has been there for its grace period.
 * A backup that began before goes on referring to what the old one names. A snapshot that was removed
 * meanwhile is not brought back.
 */

import { manifestKey, parseManifestKey } from '../archive/keys.ts';
import { encodeManifest, type ManifestBody, type ManifestHeader } from '../archive/manifest.ts';
import type { Signer } from '../archive/seal.ts';
import type { Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';
import { pairId } from '../encryption/key-text.ts';
import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import { type OwnerEpoch, sharedId } from '../encryption/owner-keys.ts';
import { isHoldfastError } from '../errors.ts';
import { bytesOf } from '../streams.ts';
import { holdfastVersion } from './addin.ts';
import { type ListedSnapshot, listSnapshots, type Snapshot } from './catalog.ts';
import { walk } from './prune/walk.ts';

export interface RevisionPlace {
  readonly store: Store;
  readonly provider: Provider;
  /** Null leaves it unsigned, which no reader with a key trusts. */
  readonly signer: Signer | null;
  /** To which key the body is encrypted; null where it is plain. */
  readonly epoch: OwnerEpoch | null;
  readonly signal: AbortSignal;
}

/**
 * The key that a snapshot's body is encrypted to; null where it is plain.
 *
 * @throws IDENTITY_MISSING, IDENTITY_WRONG
 * @throws OBJECT_DAMAGED two keys share its id, of which one is a stranger's: nothing is encrypted to either
 */
export async function epochOf(
  { keys }: KeyedProvider,
  { header: { server, owner, encryption } }: Pick<Snapshot, 'header'>,
): Promise<OwnerEpoch | null> {
  if (encryption === undefined) return null;
  const { epoch, pair } = encryption;
  const pairs = (await keys?.pairs({ server, owner, epoch })) ?? [];
  const [found, another] = pairs.filter(({ publicKey }) => pairId(publicKey) === pair);
  if (another !== undefined) {
    throw sharedId({ server, owner, epoch, pair });
  }
  if (found === undefined) throw new TypeError('a body that was read has a key that opened it');
  return { epoch, publicKey: Buffer.from(found.publicKey) };
}

/** Keys of the manifests that count now. */
export async function currentKeys(
  store: Store,
  { server, owner }: Pick<ListedSnapshot, 'server' | 'owner'>,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  return new Set((await listSnapshots(store, { server, owner }, signal)).map(({ key }) => key));
}

/**
 * Writes the next revision, all of whose objects must be durable.
 *
 * @param change what differs; the digest stays what it was, because the next snapshot names it
 * @returns null where somebody else was first or the snapshot is gone: then nothing was changed
 */
export async function publishRevision(
  place: RevisionPlace,
  { header: old, key: replaces }: Pick<Snapshot, 'header' | 'key'>,
  change: { readonly header: Partial<ManifestHeader>; readonly body: ManifestBody },
): Promise<string | null> {
  const { store, provider, signer, epoch, signal } = place;
  const { encryption: _, ...rest } = old;
  const encryption =
    epoch === null ? {} : { encryption: { epoch: epoch.epoch, pair: pairId(epoch.publicKey) } };
  const revision = old.revision + 1;
  const header = { ...rest, ...change.header, ...encryption, revision, replaces, writtenBy: holdfastVersion };
  const { server, owner, sequence, level, state, id } = header;
  const atMs = Date.parse(header.startedAt);
  const key = manifestKey({ server, owner, sequence, atMs, level, state, id, revision });
  const bytes = encodeManifest({ header, body: change.body }, signer, epoch?.publicKey ?? null);
  if ((await store.head({ key: replaces, signal })) === null) return null;
  try {
    const body = bytesOf(bytes);
    await provider.put({ kind: 'manifest', key, body, sizeBytes: bytes.length, createOnly: true, signal });
  } catch (error) {
    if (isHoldfastError(error) && error.code === 'OBJECT_EXISTS') return null;
    throw error;
  }
  if (await standsAlone(store, { key, replaces }, signal)) return key;
  await store.remove({ key, signal });
  return null;
}

/**
 * False where what it replaces was pruned in between, so that what it names may be going at this moment, and where
 * somebody else wrote a revision of the same number: of another state it has another key, which no create-only put meets.
 * Where both see each other both take theirs back.
 */
async function standsAlone(
  store: Store,
  { key, replaces }: { readonly key: string; readonly replaces: string },
  signal: AbortSignal,
): Promise<boolean> {
  const { id, revision } = parseManifestKey(key)!;
  // Up to the sequence, which revisions share.
  const prefix = key.slice(0, key.indexOf('-', key.lastIndexOf('/')) + 1);
  let isThere = false;
  for await (const other of walk(store, prefix, signal)) {
    if (other.key === replaces) isThere = true;
    const name = parseManifestKey(other.key);
    if (other.key !== key && name?.id === id && name.revision === revision) return false;
  }
  return isThere;
}
