/**
 * What snapshots a store holds, told from the keys of its manifests, and the manifests themselves.
 *
 * The store alone is enough: nothing here looks at local state. Only the highest revision of a manifest
 * counts. Lists follow the sequence, then the instant; which is the newest says `newest-snapshot.ts`.
 */

import type { KeyPair } from '../age/x25519.ts';
import { parseManifestKey } from '../archive/keys.ts';
import { identityMissing } from '../archive/locked-body.ts';
import {
  type ManifestBody,
  type ManifestHeader,
  manifestLimitBytes,
  type ReadManifest,
  readManifest,
  type SealedManifest,
} from '../archive/manifest.ts';
import type { Store } from '../contracts/store.ts';
import { pairId } from '../encryption/key-text.ts';
import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import { type ErrorCode, HoldfastError, isHoldfastError } from '../errors.ts';
import { collect } from '../streams.ts';
import { type ListedSnapshot, listByOwner } from './list-by-owner.ts';
import { distrustOf, standingOf, type Trust } from './trust.ts';

export type { ListedSnapshot } from './list-by-owner.ts';

/** Why a higher revision was not taken: it cannot be read, or is not trusted. */
export interface PassedOver {
  readonly key: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Snapshot extends SealedManifest {
  readonly key: string;
  /** Left out where it is the highest. */
  readonly passedOver?: readonly PassedOver[];
  /** Where it was found as the newest of its account: what would be newer, but for its date ahead of the clock. */
  readonly ahead?: readonly { readonly name: string }[];
  /** `<site>-<UTC>-<12 hex>` */
  readonly name: string;
}

/** A snapshot of which perhaps only the clear header can be read. */
export interface AnySnapshot extends Omit<Snapshot, 'body'> {
  /** Null where it is encrypted and no identity opens it; the name then begins with what `siteOf` says, else with the owner's UUID. */
  readonly body: ManifestBody | null;
  /** Why there is no body: IDENTITY_MISSING, IDENTITY_WRONG, or what is wrong with the key object. */
  readonly lockedBy?: HoldfastError;
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

/**
 * @param trust whose word on a newer format counts; anybody else's is damage
 * @throws OBJECT_MISSING, OBJECT_DAMAGED, FORMAT_UNSUPPORTED, IDENTITY_MISSING, IDENTITY_WRONG
 */
export async function readSnapshot(
  provider: KeyedProvider,
  listed: ListedSnapshot,
  signal: AbortSignal,
  trust?: Trust,
): Promise<Snapshot> {
  const { body, lockedBy, ...snapshot } = await read(provider, listed, signal, trust);
  if (body === null) throw lockedBy;
  return { ...snapshot, body };
}

/** As `readSnapshot`, but where no identity opens it its header is enough. */
export async function readAnySnapshot(
  provider: KeyedProvider,
  listed: ListedSnapshot,
  signal: AbortSignal,
  trust?: Trust,
): Promise<AnySnapshot> {
  return read(provider, listed, signal, trust);
}

const unusable = /^(?:OBJECT_DAMAGED|OBJECT_MISSING|FORMAT_UNSUPPORTED)$/;

/** An error that is about one manifest, not about the store or the keys. */
export const isUnusable = (error: unknown): error is HoldfastError =>
  isHoldfastError(error) && unusable.test(error.code);

/**
 * As `readAnySnapshot`, but of the highest revision that can be read and, with `trust`, is trusted: whoever may write
 * to the store can put one above ours. Where none is, the highest that can be read, which the caller judges.
 */
export async function readSoundSnapshot(
  provider: KeyedProvider,
  listed: ListedSnapshot,
  signal: AbortSignal,
  trust?: Trust,
): Promise<AnySnapshot> {
  const { earlier } = listed;
  if (earlier === undefined) return readAnySnapshot(provider, listed, signal, trust);
  const passedOver: PassedOver[] = [];
  let strange: AnySnapshot | null = null;
  let failure: unknown = null;
  for (const one of [listed, ...earlier]) {
    const { key } = one;
    try {
      const snapshot = await readAnySnapshot(provider, one, signal, trust);
      const why = trust === undefined ? null : distrustOf(snapshot, trust, `manifest ${key}`);
      if (why === null) return passedOver.length === 0 ? snapshot : { ...snapshot, passedOver };
      passedOver.push({ key, code: 'SNAPSHOT_UNTRUSTED', message: why });
      strange ??= snapshot;
    } catch (error) {
      if (!isUnusable(error)) throw error;
      passedOver.push({ key, code: error.code, message: error.message });
      failure ??= error;
    }
  }
  if (strange !== null) return strange;
  throw failure;
}

/**
 * A manifest as it lies in a store, which must be the one that its key names.
 *
 * @param trust whose word on a newer format counts; anybody else's is damage
 * @throws OBJECT_DAMAGED, FORMAT_UNSUPPORTED
 */
export function manifestOf(bytes: Buffer, listed: ListedSnapshot, trust?: Trust): ReadManifest {
  const { server, key } = listed;
  const manifest = readManifest(
    bytes,
    key,
    (signedBy) => trust === undefined || standingOf({ signedBy, server }, trust) === 'trusted',
  );
  const { header } = manifest;
  const same = ['server', 'owner', 'sequence', 'id', 'level', 'state', 'revision'] as const;
  const began = Math.floor(Date.parse(header.startedAt) / 1000) * 1000;
  if (began !== listed.atMs || same.some((property) => header[property] !== listed[property])) {
    throw new HoldfastError('OBJECT_DAMAGED', `manifest ${key} belongs to another snapshot`, {
      hint: 'An object was moved or replaced in the store; run `holdfast verify`.',
    });
  }
  return manifest;
}

async function read(
  provider: KeyedProvider,
  listed: ListedSnapshot,
  signal: AbortSignal,
  trust?: Trust,
): Promise<AnySnapshot> {
  const { key } = listed;
  const bytes = await collect(provider.get({ key, signal }), manifestLimitBytes);
  const manifest = manifestOf(bytes, listed, trust);
  const { header, signedBy } = manifest;
  let pairs: readonly KeyPair[];
  try {
    pairs = manifest.body === null ? await pairsOf(provider, manifest.header, key) : [];
  } catch (error) {
    // A key object that is gone or damaged locks what it opened; the header is still true.
    if (!isHoldfastError(error) || !/^(?:IDENTITY|OBJECT)_/.test(error.code)) throw error;
    const name = snapshotName(provider.siteOf?.(header.owner) ?? header.owner, listed);
    return { header, body: null, lockedBy: error, signedBy, key, name };
  }
  const body = manifest.body ?? unlockWith(pairs, manifest.unlock);
  const name = snapshotName(body.account.site, listed);
  return { header, body, signedBy, key, name };
}

/** At least one; more only where somebody has made a pair to share the id of another. */
async function pairsOf(
  { keys }: KeyedProvider,
  { server, owner, encryption }: ManifestHeader,
  key: string,
): Promise<readonly KeyPair[]> {
  if (!keys) throw identityMissing(`manifest ${key}`);
  const pairs = await keys.pairs({ server, owner, epoch: encryption?.epoch ?? 0 });
  const fitting = pairs.filter(({ publicKey }) => pairId(publicKey) === encryption?.pair);
  if (fitting.length === 0) throw wrongKey(`manifest ${key}`);
  return fitting;
}

function unlockWith(pairs: readonly KeyPair[], unlock: (pair: KeyPair) => ManifestBody): ManifestBody {
  const [pair, ...others] = pairs;
  try {
    return unlock(pair!);
  } catch (error) {
    if (others.length === 0) throw error;
    return unlockWith(others, unlock);
  }
}

const wrongKey = (what: string): HoldfastError =>
  new HoldfastError('IDENTITY_WRONG', `${what} is not encrypted to a key that this identity opens`, {
    hint: 'Give the identity that belongs to it; `holdfast key check` says which snapshots an identity opens.',
  });

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
