/**
 * New revisions of manifests: how what is known of a snapshot is replaced without a gap for its readers.
 *
 * The new one is put beside the old, which prune removes once the new one has been there for its grace period.
 * A backup that began before goes on referring to what the old one names. A snapshot that was removed
 * meanwhile is not brought back, and the only revision that is left of one never taken away.
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
import { goneAmong, safeAgeMs } from './gone-objects.ts';
import { standingOf, type Trust } from './trust.ts';
import { walk } from './walk.ts';
import { wasPruned } from './was-pruned.ts';

/** More than prune takes from its event to the removal, for clocks that differ. */
const eventSlackMs = 24 * 3_600_000;

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
  /** What this job put for its revisions, since the instant of the first. Left out: none, or all just now. */
  readonly written?: { readonly keys: ReadonlySet<string>; readonly sinceMs: number };
  readonly now: () => number;
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
 * @returns null where somebody else was first, the snapshot is gone, or prune elsewhere has removed what was written for it:
 *   then nothing was changed
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
  const begunMs = place.now();
  const known = await revisionsOf(place, replaces);
  // What it names may be going at this moment.
  if (!isAmong(known, replaces) || (await hasLater(place, known, replaces))) return null;
  const number = { last: old.revision, highest: highestRevision };
  const taken = known.map((one) => one.revision);
  const revision = nextNumber(number, taken, `manifests/${old.server}/${old.owner}/`);
  const header = { ...rest, ...change.header, ...encryption, revision, replaces, writtenBy: holdfastVersion };
  const { server, owner, sequence, level, state, id } = header;
  const atMs = Date.parse(header.startedAt);
  const key = manifestKey({ server, owner, sequence, atMs, level, state, id, revision });
  const said = await extendForRevision({ ...place, locked }, header, change.body, epoch);
  if (!(await isWhole(place, header))) return null;
  const bytes = encodeManifest({ header, body: said }, signer, epoch?.publicKey ?? null);
  try {
    const body = bytesOf(bytes);
    await provider.put({ kind: 'manifest', key, body, sizeBytes: bytes.length, createOnly: true, signal });
  } catch (error) {
    if (isHoldfastError(error) && error.code === 'OBJECT_EXISTS') return null;
    throw error;
  }
  // From here on prune sees it, and spares what it names.
  const stays = (await isWhole(place, header)) && (await mayStay(place, { key, replaces, begunMs }));
  if (stays) return key;
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

/** Whether what was written for it is there. Soon after it was written nobody has removed it, and nothing is asked. */
async function isWhole(
  { store, written, now, signal }: RevisionPlace,
  { objects, references }: ManifestHeader,
): Promise<boolean> {
  if (written === undefined || now() - written.sinceMs < safeAgeMs) return true;
  const own = [...objects, ...references].filter(({ key }) => written.keys.has(key));
  return (await goneAmong(own, { store, signal })).size === 0;
}

/**
 * Where what it replaces is gone, the snapshot was let go, and is not to be back; or this machine slept after the put, and
 * prune let go of what ours had replaced for a day: then ours is the only one left.
 */
async function mayStay(
  place: RevisionPlace,
  put: { readonly key: string; readonly replaces: string; readonly begunMs: number },
): Promise<boolean> {
  const { key, replaces, begunMs } = put;
  const others = (await revisionsOf(place, replaces)).filter((one) => one.key !== key);
  if (await hasLater(place, others, replaces)) return false;
  if (isAmong(others, replaces)) return true;
  const old = { ...parseManifestKey(replaces)!, key: replaces };
  return !(await wasPruned({ ...place, sinceMs: begunMs - eventSlackMs }, old));
}

const isAmong = (revisions: readonly ListedSnapshot[], key: string): boolean =>
  revisions.some((one) => one.key === key);

/**
 * Whether somebody else wrote a revision after the one that is replaced, be it of another state and so of another key, which
 * no create-only put meets. Where both see each other both take theirs back. What nobody trusted signed keeps nobody from
 * writing.
 */
async function hasLater(
  place: RevisionPlace,
  revisions: readonly ListedSnapshot[],
  replaces: string,
): Promise<boolean> {
  const { revision } = parseManifestKey(replaces)!;
  for (const one of revisions) {
    const isLater = one.key !== replaces && one.revision > revision;
    if (isLater && (await counts(place, one))) return true;
  }
  return false;
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
