/**
 * Erases an account from a store by destroying its keys: what was encrypted to them is noise from then on.
 *
 * A legal hold on the account, or on any of its snapshots, forbids it. The event comes before the first
 * removal, so that prune takes away what is left even where this is cut short; and erasing again goes on.
 * Objects stay until prune. Snapshots that were never encrypted can be read until then.
 */

import { parseOwnerKeyKey } from '../../archive/keys.ts';
import type { ManifestHeader } from '../../archive/manifest.ts';
import type { Provider } from '../../contracts/provider.ts';
import type { Store } from '../../contracts/store.ts';
import { type ListedKey, listKeys, pairSlot } from '../../encryption/owner-keys.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { forgetEpoch } from '../../state/owner-epochs.ts';
import { lockAccount } from '../account-lock.ts';
import { holdsOf } from '../active-protections.ts';
import { type ListedSnapshot, listSnapshots, readAnySnapshot } from '../catalog.ts';
import { type EventWorld, readProtections, type SnapshotRef, writeEvent } from '../events.ts';
import type { Trust } from '../trust.ts';
import { walk } from '../walk.ts';
import { forgetContents } from './forget-account.ts';
import { removeKeys } from './remove-keys.ts';

export interface EraseRequest {
  readonly store: Store;
  readonly provider: Provider;
  readonly storeId: string;
  readonly stateDir: string;
  /** Every server that may have snapshots of the account. */
  readonly servers: readonly string[];
  readonly owner: string;
  readonly reason: string;
  /** What another store has of the account: the event names it as well, so that none of it comes here from there. */
  readonly elsewhere?: readonly ErasedOfServer[];
  /** False: show only. */
  readonly apply: boolean;
  /** Whose holds count; left out: everybody's. */
  readonly trust?: Trust;
  readonly world: EventWorld;
  readonly signal: AbortSignal;
}

export interface EraseReport {
  /** Legal holds that forbid it, in plain words; nothing was changed where there are any. */
  readonly holds: readonly string[];
  /** Key objects: to be destroyed, or destroyed but for those in `left`. */
  readonly keys: number;
  readonly left: readonly string[];
  /** Snapshots that nobody can read once the keys are gone, or now that they are. */
  readonly closed: number;
  /** Of these, those of which no key was there to begin with: whether it is gone everywhere this store cannot tell. */
  readonly keyless: number;
  /** Encrypted ones that can still be read, since the store kept their keys. */
  readonly open: number;
  readonly plain: number;
  /** What was found of each server that has anything of the account. */
  readonly servers: readonly FoundOfServer[];
  /** What was found, for `elsewhere` of another store. */
  readonly named: readonly ErasedOfServer[];
  /** Data and index objects and manifests that lie there until prune. */
  readonly remaining: { readonly count: number; readonly bytes: number };
}

export interface ErasedOfServer {
  readonly server: string;
  readonly snapshots: readonly SnapshotRef[];
  /** Of key objects. */
  readonly keys: readonly string[];
}

export interface FoundOfServer {
  readonly server: string;
  readonly keys: number;
  readonly snapshots: number;
  /** Milliseconds since the epoch at which the oldest and the newest began; null where there is none. */
  readonly firstAtMs: number | null;
  readonly lastAtMs: number | null;
}

/**
 * Safe to repeat.
 *
 * @throws ACCOUNT_LOCKED a backup of it is under way
 * @throws STORE_DENIED the store cannot be listed, or takes no event
 */
export async function eraseAccount(request: EraseRequest): Promise<EraseReport> {
  const { store, stateDir, storeId, owner, apply, elsewhere = [] } = request;
  requireSight(store);
  const lock = lockAccount(stateDir, owner, owner);
  try {
    const servers = new Set([...request.servers, ...elsewhere.map(({ server }) => server)]);
    const found = await Promise.all([...servers].map((server) => lookAt(request, server)));
    const holds = found.flatMap((one) => one.holds);
    const left: string[] = [];
    if (apply && holds.length === 0) {
      // First, so that no backup ever uses a key that is gone.
      await forgetEpoch(stateDir, storeId, owner);
      await forgetContents(stateDir, owner);
      for (const one of found) left.push(...(await destroy(request, one)));
    }
    return reportOf(
      found.filter((one) => request.servers.includes(one.server)),
      holds,
      left,
    );
  } finally {
    lock.release();
  }
}

/** @throws STORE_DENIED the credentials can only put */
export function requireSight({ capabilities }: Pick<Store, 'capabilities'>): void {
  if (!capabilities.putOnly) return;
  throw new HoldfastError('STORE_DENIED', 'these credentials can neither list nor remove', {
    hint: 'Erase the account with credentials that can, on another machine, and then here with --local.',
  });
}

function reportOf(found: readonly Found[], holds: readonly string[], left: readonly string[]): EraseReport {
  const opening = new Set(
    left.flatMap((key) => {
      const name = parseOwnerKeyKey(key);
      return name === null ? [] : [pairSlot(name)];
    }),
  );
  const closed = found.flatMap((one) => one.closed);
  const open = closed.filter((slot) => opening.has(slot)).length;
  const slots = new Set(found.flatMap((one) => one.keys.map(pairSlot)));
  const snapshots = found.reduce((sum, one) => sum + one.snapshots.length, 0);
  const remaining = { count: 0, bytes: 0 };
  for (const { objects } of found) {
    remaining.count += objects.count;
    remaining.bytes += objects.bytes;
  }
  return {
    holds,
    keys: found.reduce((sum, one) => sum + one.keys.length, 0),
    left,
    closed: closed.length - open,
    keyless: closed.filter((slot) => !slots.has(slot)).length,
    open,
    plain: snapshots - closed.length,
    servers: found.map((one) => ({
      server: one.server,
      keys: one.keys.length,
      snapshots: one.snapshots.length,
      firstAtMs: one.times.length === 0 ? null : Math.min(...one.times),
      lastAtMs: one.times.length === 0 ? null : Math.max(...one.times),
    })),
    named: found.map(namedOf),
    remaining,
  };
}

const namedOf = ({ server, snapshots, keys }: Found): ErasedOfServer => ({
  server,
  snapshots,
  keys: keys.map(({ key }) => key),
});

interface Found {
  readonly server: string;
  readonly holds: readonly string[];
  readonly keys: readonly ListedKey[];
  readonly snapshots: readonly SnapshotRef[];
  /** When they began. */
  readonly times: readonly number[];
  /** Of each encrypted one, which key pair opens it. */
  readonly closed: readonly string[];
  readonly objects: { readonly count: number; readonly bytes: number };
}

async function lookAt(request: EraseRequest, server: string): Promise<Found> {
  const { store, owner, world, signal } = request;
  const place = { server, owner };
  const listed = await listSnapshots(store, place, signal);
  // A key that somebody hid behind a marker is one as well.
  const keys = await listKeys(store, place, signal, true);
  const holds = holdsOf(await readProtections(request, place, signal), world.now());
  const { snapshots, closed } = await readHeaders(request, listed);
  const objects = { count: 0, bytes: 0 };
  for (const kind of ['data', 'index', 'manifests']) {
    for await (const { sizeBytes } of walk(store, `${kind}/${server}/${owner}/`, signal)) {
      objects.count += 1;
      objects.bytes += sizeBytes;
    }
  }
  const times = listed.map(({ atMs }) => atMs);
  return { server, holds, keys, snapshots, times, closed, objects };
}

async function readHeaders(
  { provider, signal }: EraseRequest,
  listed: readonly ListedSnapshot[],
): Promise<Pick<Found, 'snapshots' | 'closed'>> {
  const snapshots: SnapshotRef[] = [];
  const closed: string[] = [];
  for (const one of listed) {
    const header = await headerOf(provider, one, signal);
    const { id, lineage, sequence, digest } = header ?? { ...one, lineage: '', digest: '' };
    snapshots.push({ id, lineage, sequence, digest });
    if (header?.encryption !== undefined) closed.push(pairSlot({ ...one, ...header.encryption }));
  }
  return { snapshots, closed };
}

/** Null where the manifest is damaged: that must not keep anybody from erasing the rest. */
async function headerOf(
  provider: Provider,
  listed: ListedSnapshot,
  signal: AbortSignal,
): Promise<ManifestHeader | null> {
  try {
    return (await readAnySnapshot(provider, listed, signal)).header;
  } catch (error) {
    if (!isHoldfastError(error) || !/^(?:OBJECT|FORMAT)_/.test(error.code)) throw error;
    return null;
  }
}

/** Keys of objects that are still there. */
async function destroy(request: EraseRequest, found: Found): Promise<string[]> {
  const { store, provider, owner, reason, elsewhere = [], world, signal } = request;
  const place = { server: found.server, owner };
  const all = [...elsewhere.filter(({ server }) => server === found.server), namedOf(found)];
  const snapshots = [...new Map(all.flatMap((one) => one.snapshots.map((ref) => [ref.id, ref]))).values()];
  const keys = [...new Set(all.flatMap((one) => one.keys))];
  await writeEvent(provider, { kind: 'erasure', ...place, reason, snapshots, keys }, world, signal);
  // Whoever set a hold between the look and the event is heard; the event then erases nothing that is held.
  const held = holdsOf(await readProtections(request, place, signal), world.now());
  if (held.length > 0) {
    throw new HoldfastError('ERASURE_REFUSED', `the account came under a legal hold meanwhile: ${held[0]}`, {
      hint: 'End the hold with holdfast unpin --legal-hold, where you may.',
    });
  }
  const left = await removeKeys(store, found.keys, signal);
  // A copy run or a rotation on another machine may have put one of these pairs there meanwhile.
  const slots = new Set(
    keys.map(parseOwnerKeyKey).flatMap((name) => (name === null ? [] : [pairSlot(name)])),
  );
  const late = (await listKeys(store, place, signal, true)).filter(
    (one) => slots.has(pairSlot(one)) && !left.some(({ key }) => key === one.key),
  );
  left.push(...(await removeKeys(store, late, signal)));
  return left.map(({ key }) => key);
}
