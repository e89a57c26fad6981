/**
 * New revisions of manifests: how what is known of a snapshot is replaced without a gap for its readers.
 *
 * The new one is put beside the old, which prune removes once the new one has been there for its grace period.
 * A backup that began before goes on referring to what the old one names. A snapshot that was removed
 * meanwhile is not brought back.
 */

import { highestRevision, manifestKey, parseManifestKey } from '../archive/keys.ts';
import { encodeManifest, type ManifestBody, type ManifestHeader } from '../archive/manifest.ts';
import { nextNumber } from '../archive/next-number.ts';
import type { Signer } from '../archive/seal.ts';
import type { Store } from '../contracts/store.ts';
import { pairId } from '../encryption/key-text.ts';
import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import { type OwnerEpoch, sharedId } from '../encryption/owner-keys.ts';
import { isHoldfastError } from '../errors.ts';
import { bytesOf } from '../streams.ts';
import { holdfastVersion } from './addin.ts';
import { isUnusable, type ListedSnapshot, readAnySnapshot, type Snapshot } from './catalog.ts';
import { extendForRevision } from './extend-locks.ts';
import { standingOf, type Trust } from './trust.ts';
import { walk } from './walk.ts';

export interface RevisionPlace {
  readonly store: Store;
  readonly provider: KeyedProvider;
  /** Null leaves it unsigned, which no reader with a key trusts. */
  readonly signer: Signer | null;
  /** To which key the body is encrypted; null where it is plain. */
  readonly epoch: OwnerEpoch | null;
  /** Whose revisions count. Left out: everybody's. */
  readonly trust?: Trust | undefined;
  /** Keys of objects whose locks are fresh, because this job put or extended them, or that are to end; grows. Left out: none. */
  readonly locked?: Set<string>;
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

/**
 * Writes the next revision, all of whose objects must be durable. Those stay locked for as long as it is, or it says in a
 * warning that they do not.
 *
 * @param change what differs; the digest stays what it was, because the next snapshot names it
 * @returns null where somebody else was first or the snapshot is gone: then nothing was changed
 * @throws OBJECT_DAMAGED no number is left
 */
export async function publishRevision(
  place: RevisionPlace,
  { header: old, key: replaces }: Pick<Snapshot, 'header' | 'key'>,
  change: { readonly header: Partial<ManifestHeader>; readonly body: ManifestBody },
): Promise<string | null> {
  const { store, provider, signer, epoch, locked = new Set(), signal } = place;
  const { encryption: _, ...rest } = old;
  const encryption =
    epoch === null ? {} : { encryption: { epoch: epoch.epoch, pair: pairId(epoch.publicKey) } };
  const known = await revisionsOf(place, replaces);
  if (!(await isLatest(place, known, replaces))) return null;
  const number = { last: old.revision, highest: highestRevision };
  const taken = known.map((one) => one.revision);
  const revision = nextNumber(number, taken, `manifests/${old.server}/${old.owner}/`);
  const header = { ...rest, ...change.header, ...encryption, revision, replaces, writtenBy: holdfastVersion };
  const { server, owner, sequence, level, state, id } = header;
  const atMs = Date.parse(header.startedAt);
  const key = manifestKey({ server, owner, sequence, atMs, level, state, id, revision });
  const said = await extendForRevision({ ...place, locked }, header, change.body, epoch);
  const bytes = encodeManifest({ header, body: said }, signer, epoch?.publicKey ?? null);
  try {
    const body = bytesOf(bytes);
    await provider.put({ kind: 'manifest', key, body, sizeBytes: bytes.length, createOnly: true, signal });
  } catch (error) {
    if (isHoldfastError(error) && error.code === 'OBJECT_EXISTS') return null;
    throw error;
  }
  const others = (await revisionsOf(place, replaces)).filter((one) => one.key !== key);
  if (await isLatest(place, others, replaces)) return key;
  await store.remove({ key, signal });
  return null;
}

/** What has the name of a revision of this snapshot. */
async function revisionsOf(
  { store, signal }: Pick<RevisionPlace, 'store' | 'signal'>,
  replaces: string,
): Promise<ListedSnapshot[]> {
  const { id } = parseManifestKey(replaces)!;
  // Up to the sequence, which revisions share.
  const prefix = replaces.slice(0, replaces.indexOf('-', replaces.lastIndexOf('/')) + 1);
  const found: ListedSnapshot[] = [];
  for await (const { key } of walk(store, prefix, signal)) {
    const name = parseManifestKey(key);
    if (name?.id === id) found.push({ ...name, key });
  }
  return found;
}

/**
 * False where what is to be replaced is gone, so that what it names may be going at this moment, and where somebody else
 * wrote a revision after it, be it of another state and so of another key, which no create-only put meets. Where both see
 * each other both take theirs back. What nobody trusted signed keeps nobody from writing.
 */
async function isLatest(
  place: RevisionPlace,
  revisions: readonly ListedSnapshot[],
  replaces: string,
): Promise<boolean> {
  const own = revisions.find(({ key }) => key === replaces);
  if (own === undefined) return false;
  for (const one of revisions) {
    const isLater = one.key !== replaces && one.revision > own.revision;
    if (isLater && (await counts(place, one))) return false;
  }
  return true;
}

async function counts({ provider, trust, signal }: RevisionPlace, listed: ListedSnapshot): Promise<boolean> {
  try {
    const snapshot = await readAnySnapshot(provider, listed, signal, trust);
    return trust === undefined || standingOf(snapshot, trust) === 'trusted';
  } catch (error) {
    if (!isUnusable(error)) throw error;
    return error.code === 'FORMAT_UNSUPPORTED';
  }
}
