/**
 * What snapshots a store holds, told from the keys of its manifests, and the manifests themselves.
 *
 * The store alone is enough: nothing here looks at local state. Only the highest revision of a manifest
 * counts. Lists follow the sequence, then the instant; which is the newest says `newest-snapshot.ts`.
 */

import { parseManifestKey } from '../archive/keys.ts';
import { identityMissing } from '../archive/locked-body.ts';
import {
  type ManifestBody,
  type ManifestHeader,
  manifestLimitBytes,
  readManifest,
  type SealedManifest,
} from '../archive/manifest.ts';
import type { Store } from '../contracts/store.ts';
import { pairId } from '../encryption/key-text.ts';
import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import type { KeyPair } from '../encryption/x25519.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';
import { collect } from '../streams.ts';
import { type ListedSnapshot, listByOwner } from './list-by-owner.ts';
import { newestCandidates, newestOf } from './newest-snapshot.ts';

export type { ListedSnapshot } from './list-by-owner.ts';

export interface Snapshot extends SealedManifest {
  readonly key: string;
  /** `<site>-<UTC>-<12 hex>` */
  readonly name: string;
}

/** A snapshot of which perhaps only the clear header can be read. */
export interface AnySnapshot extends Omit<Snapshot, 'body'> {
  /** Null where it is encrypted and no identity opens it; the name then begins with the owner's UUID. */
  readonly body: ManifestBody | null;
}

/** Snapshots under `manifests/<server>/<owner>/`, as far as given, oldest first per owner. */
export async function listSnapshots(
  store: Store,
  where: { readonly server?: string; readonly owner?: string },
  signal: AbortSignal,
): Promise<ListedSnapshot[]> {
  const found: ListedSnapshot[] = [];
  for await (const ofOwner of listByOwner(store, where, signal)) found.push(...ofOwner);
  return found.sort((a, b) => compare(a.owner, b.owner) || a.sequence - b.sequence || a.atMs - b.atMs);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const utcOf = (key: string): string => /-(\d{8}T\d{6}Z)-/.exec(key)?.[1] ?? '';

export const snapshotName = (site: string, listed: { readonly key: string; readonly id: string }): string =>
  `${site}-${utcOf(listed.key)}-${listed.id}`;

/** @throws OBJECT_MISSING, OBJECT_DAMAGED, FORMAT_UNSUPPORTED, IDENTITY_MISSING, IDENTITY_WRONG */
export async function readSnapshot(
  provider: KeyedProvider,
  listed: ListedSnapshot,
  signal: AbortSignal,
): Promise<Snapshot> {
  const { snapshot, locked } = await read(provider, listed, signal);
  if (snapshot.body === null) throw locked;
  return { ...snapshot, body: snapshot.body };
}

/** As `readSnapshot`, but where no identity opens it its header is enough. */
export async function readAnySnapshot(
  provider: KeyedProvider,
  listed: ListedSnapshot,
  signal: AbortSignal,
): Promise<AnySnapshot> {
  return (await read(provider, listed, signal)).snapshot;
}

/** `locked` says why there is no body. */
async function read(
  provider: KeyedProvider,
  listed: ListedSnapshot,
  signal: AbortSignal,
): Promise<{ readonly snapshot: AnySnapshot; readonly locked: unknown }> {
  const bytes = await collect(provider.get({ key: listed.key, signal }), manifestLimitBytes);
  const manifest = readManifest(bytes, listed.key);
  const { header, signedBy } = manifest;
  const same = ['server', 'owner', 'sequence', 'id', 'level', 'state', 'revision'] as const;
  if (same.some((property) => header[property] !== listed[property])) {
    throw new HoldfastError('OBJECT_DAMAGED', `manifest ${listed.key} belongs to another snapshot`, {
      hint: 'An object was moved or replaced in the store; run `holdfast verify`.',
    });
  }
  const { key } = listed;
  try {
    const body = manifest.body ?? (await unlocked(provider, manifest, key));
    const name = snapshotName(body.account.site, listed);
    return { snapshot: { header, body, signedBy, key, name }, locked: null };
  } catch (error) {
    // A key object that is gone locks what it opened for good; the header is still true.
    if (!isHoldfastError(error) || !/^(?:IDENTITY_|OBJECT_MISSING)/.test(error.code)) throw error;
    const name = snapshotName(header.owner, listed);
    return { snapshot: { header, body: null, signedBy, key, name }, locked: error };
  }
}

async function unlocked(
  { keys }: KeyedProvider,
  { header, unlock }: { readonly header: ManifestHeader; readonly unlock: (pair: KeyPair) => ManifestBody },
  key: string,
): Promise<ManifestBody> {
  const { server, owner, encryption } = header;
  if (!keys) throw identityMissing(`manifest ${key}`);
  const pairs = await keys.pairs({ server, owner, epoch: encryption?.epoch ?? 0 });
  const pair = pairs.find(({ publicKey }) => pairId(publicKey) === encryption?.pair) ?? pairs[0]!;
  return unlock(pair);
}

/**
 * The newest of one owner's snapshots, partial ones included; null where there are none.
 *
 * @throws OBJECT_DAMAGED, OBJECT_MISSING, FORMAT_UNSUPPORTED one that may be the newest cannot be read
 */
async function readNewest(
  provider: KeyedProvider,
  listed: readonly ListedSnapshot[],
  signal: AbortSignal,
): Promise<AnySnapshot | null> {
  const candidates = newestCandidates(listed);
  return newestOf(await Promise.all(candidates.map((one) => readAnySnapshot(provider, one, signal))));
}

const fullName = /^(.+)-(\d{8}T\d{6}Z)-([0-9a-f]{12})$/;

/** As `findAnySnapshot`, opened. @throws IDENTITY_MISSING, IDENTITY_WRONG nothing opens it */
export async function findSnapshot(
  provider: KeyedProvider,
  candidates: readonly ListedSnapshot[],
  wanted: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  return opened(provider, await findAnySnapshot(provider, candidates, wanted, signal), signal);
}

/** With its body. @throws IDENTITY_MISSING, IDENTITY_WRONG, OBJECT_MISSING whatever keeps it locked */
export async function opened(
  provider: KeyedProvider,
  { body, ...snapshot }: AnySnapshot,
  signal: AbortSignal,
): Promise<Snapshot> {
  if (body !== null) return { ...snapshot, body };
  const { key } = snapshot;
  return readSnapshot(provider, { ...parseManifestKey(key)!, key }, signal);
}

/**
 * The one snapshot that `wanted` names: its id, a unique beginning of it, its twelve hex digits, or
 * `latest` (partial ones included), which needs a list of one owner.
 *
 * @throws SNAPSHOT_NOT_FOUND none or several fit
 */
export async function findAnySnapshot(
  provider: KeyedProvider,
  candidates: readonly ListedSnapshot[],
  wanted: string,
  signal: AbortSignal,
): Promise<AnySnapshot> {
  if (wanted === 'latest') {
    const latest = await readNewest(provider, candidates, signal);
    if (latest === null)
      throw notFound('there is no snapshot of this account', 'Run `holdfast backup` first.');
    return latest;
  }
  const full = fullName.exec(wanted);
  const id = full?.[3] ?? (/^[0-9a-f]{12}$/.test(wanted) ? wanted : null);
  const listed =
    id === null
      ? await byBeginning(provider, candidates, wanted, signal)
      : candidates.filter((one) => one.id === id);
  if (listed.length > 1) {
    throw notFound(
      `${quoted(wanted)} fits ${listed.length} snapshots`,
      'Give more of the id; `holdfast snapshots` shows them.',
    );
  }
  const only = listed[0];
  if (only === undefined)
    throw notFound(`there is no snapshot ${quoted(wanted)}`, 'Run `holdfast snapshots` to see them.');
  const snapshot = await readAnySnapshot(provider, only, signal);
  // The site of a locked one is not known, so its instant must do.
  const fits = snapshot.body === null ? full?.[2] === utcOf(only.key) : snapshot.name === wanted;
  if (full !== null && !fits) {
    throw notFound(`there is no snapshot ${quoted(wanted)}; ${id} is ${snapshot.name}`, 'Name that one.');
  }
  return snapshot;
}

/** The site stands only inside manifests, so each candidate is read. */
async function byBeginning(
  provider: KeyedProvider,
  candidates: readonly ListedSnapshot[],
  wanted: string,
  signal: AbortSignal,
): Promise<ListedSnapshot[]> {
  const found: ListedSnapshot[] = [];
  for (const listed of candidates) {
    const snapshot = await readAnySnapshot(provider, listed, signal);
    if (snapshot.name.startsWith(wanted)) found.push(listed);
    if (found.length > 20) break;
  }
  return found;
}

function notFound(message: string, hint: string): HoldfastError {
  return new HoldfastError('SNAPSHOT_NOT_FOUND', message, { hint });
}
