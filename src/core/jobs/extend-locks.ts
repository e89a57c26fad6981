/**
 * Keeps what a new manifest refers to locked for as long as what is stored with it anew, in stores with object lock.
 *
 * A store that refuses costs a warning, not the manifest. The parent did the same when it was made, so the instant it
 * began tells a store whether anything is due: by the store's own clock, since ours may have been wrong then. That holds
 * only for what was locked by the rules of today; the state remembers since when those are followed.
 */

import { type OwnerKeyName, ownerKeyKey } from '../archive/keys.ts';
import type { ManifestBody, ManifestHeader, ObjectRef } from '../archive/manifest.ts';
import type { Store } from '../contracts/store.ts';
import { pairId } from '../encryption/key-text.ts';
import { type ListedKey, listKeys, type OwnerEpoch, pairSlot } from '../encryption/owner-keys.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import type { LockNote, RememberedLineage } from '../state/lineages.ts';
import type { OpenAddin } from './addin.ts';
import { WarningList } from './backup/warnings.ts';
import type { Snapshot } from './catalog.ts';
import { eachLimited } from './each-limited.ts';
import { Erasures } from './erasures.ts';
import type { EventsPlace } from './events.ts';
import type { Trust } from './trust.ts';

const code = 'lock-not-extended';
const requestsAtOnce = 8;
const refusals = /^(?:OBJECT_MISSING|STORE_DENIED|CONFIG_INVALID)$/;

type Keyed = Pick<ObjectRef, 'key'>;

/**
 * By which rules a store locks what is put now; null where it locks nothing. Credentials that can only put cannot tell
 * whether there are locks, nor does every store tell its rules: those count as ever the same.
 */
export function lockRulesOf({ capabilities, extendLock }: Pick<Store, 'capabilities' | 'extendLock'>) {
  const { lockRules, objectLock, putOnly } = capabilities;
  if (extendLock === undefined) return null;
  return lockRules ?? (objectLock || (putOnly && lockRules === undefined) ? '' : null);
}

/** What is to be remembered of a snapshot that was just made, for `extendLocks`. */
export function lockNoteOf(
  store: Store,
  { lineage, sequence }: Pick<ManifestHeader, 'lineage' | 'sequence'>,
  remembered: RememberedLineage | null,
): LockNote | null {
  const rules = lockRulesOf(store);
  if (rules === null) return null;
  const { last, locks } = remembered ?? {};
  return locks?.rules === rules && last?.lineage === lineage ? locks : { rules, sequence };
}

interface LockContext {
  readonly addin: Pick<OpenAddin, 'store' | 'provider'>;
  readonly server: string;
  readonly owner: string;
  /** Null where nothing is encrypted. */
  readonly epoch: OwnerEpoch | null;
  readonly parent: Snapshot | null;
  /** What an interrupted run stored: locked when that put it, which may be long before this one began. */
  readonly takenOver: readonly Keyed[];
  /** What the state knows of the account's last snapshot. */
  readonly remembered: RememberedLineage | null;
  /** Whose erasures count; left out: everybody's. */
  readonly trust?: Trust;
  readonly warnings: WarningList;
  readonly signal: AbortSignal;
}

/**
 * @throws CHAIN_BROKEN an object is gone; nothing was committed
 * @throws STORE_UNAVAILABLE, INTERRUPTED
 */
export async function extendLocks(references: readonly Keyed[], context: LockContext): Promise<void> {
  const { store } = context.addin;
  const { parent, takenOver, remembered, warnings, signal, server, owner, epoch } = context;
  const rules = lockRulesOf(store);
  if (rules === null) return;
  const place = { store, warnings, signal, needed: true };
  const sure = parent !== null && isLockedBy(rules, parent, remembered);
  await extendEach(place, references, sure ? begunMs(parent.header) : null);
  await extendEach(place, takenOver, null);
  if (epoch === null) return;
  const optional = { ...place, needed: false };
  if (!store.capabilities.putOnly) {
    const keys = await listKeys(store, { server, owner }, signal);
    const erasures = new Erasures({ ...context, ...context.addin });
    return extendEach(optional, await notDestroyed(keys, { server, owner, epoch }, erasures), null);
  }
  const pair = { server, owner, epoch: epoch.epoch, pair: pairId(epoch.publicKey) };
  if (await extendUnseen(place, pair)) return;
  await extendEach(optional, [{ key: ownerKeyKey({ ...pair, revision: 0 }) }], null);
}

/** Whether a snapshot left all it refers to locked by these rules, as of the instant when it began. */
function isLockedBy(rules: string, { header, body }: Snapshot, remembered: RememberedLineage | null) {
  const { last, locks } = remembered ?? {};
  const isSince = last?.lineage === header.lineage && header.sequence >= (locks?.sequence ?? Infinity);
  return isSince && locks?.rules === rules && (body.warningCounts[code] ?? 0) === 0;
}

/**
 * All revisions, since only an identity tells which of them opens; but none of a pair that an erasure could not remove
 * yet: its lock is to end. Asks about erasures only where there is another pair than the account's own.
 */
async function notDestroyed(
  keys: readonly ListedKey[],
  { server, owner, epoch }: { readonly server: string; readonly owner: string; readonly epoch: OwnerEpoch },
  erasures: Erasures,
): Promise<readonly ListedKey[]> {
  const own = pairSlot({ server, owner, epoch: epoch.epoch, pair: pairId(epoch.publicKey) });
  if (keys.every((one) => pairSlot(one) === own)) return keys;
  try {
    const destroyed = await erasures.destroyed(server, owner);
    return keys.filter((one) => !destroyed.has(pairSlot(one)));
  } catch (error) {
    // Rather too long than not at all.
    if (!isHoldfastError(error) || error.code !== 'STORE_DENIED') throw error;
    return keys;
  }
}

interface RevisionLocks extends EventsPlace {
  readonly signal: AbortSignal;
  /** Keys of what this job wrote or extended before, or left to its end; grows. */
  readonly locked: Set<string>;
}

/**
 * Before a revision is put, whose own lock is a fresh one: nobody knows what became of the locks of all it names.
 *
 * @returns the body, with warnings more where the store refused
 */
export async function extendForRevision(
  { locked, ...at }: RevisionLocks,
  { server, owner, objects, references }: ManifestHeader,
  body: ManifestBody,
  epoch: OwnerEpoch | null,
): Promise<ManifestBody> {
  const { store, signal } = at;
  if (lockRulesOf(store) === null) return body;
  const warnings = new WarningList();
  const place = { store, warnings, signal, needed: false };
  const listed = epoch === null ? [] : await listKeys(store, { server, owner }, signal);
  const asked = listed.filter(({ key }) => !locked.has(key));
  const keys = epoch === null ? [] : await notDestroyed(asked, { server, owner, epoch }, new Erasures(at));
  const due = [...objects, ...references].filter(({ key }) => !locked.has(key));
  await extendEach(place, [...due, ...keys], null);
  for (const { key } of [...due, ...asked]) locked.add(key);
  if (warnings.total === 0) return body;
  const count = (body.warningCounts[code] ?? 0) + warnings.total;
  const warningCounts = { ...body.warningCounts, [code]: count };
  return { ...body, warnings: [...body.warnings, ...warnings.first], warningCounts };
}

interface Extending {
  readonly store: Store;
  readonly warnings: WarningList;
  readonly signal: AbortSignal;
  /** Nothing can be committed without these. */
  readonly needed: boolean;
}

function extendEach(
  { store, warnings, signal, needed }: Extending,
  objects: readonly Keyed[],
  lockedAtMs: number | null,
): Promise<void> {
  return eachLimited(objects, requestsAtOnce, async ({ key }) => {
    try {
      await store.extendLock?.({ key, lockedAtMs, signal });
    } catch (cause) {
      if (!isHoldfastError(cause)) throw cause;
      if (cause.code === 'OBJECT_MISSING' && needed) throw gone(key, cause);
      if (!refusals.test(cause.code)) throw cause;
      const message = `the lock of ${key} was not extended: ${cause.message}`;
      warnings.add({ code, component: 'account', message });
    }
  });
}

/** The store told its clock with the last put, before the commit; how long it all took our clock knows. */
function begunMs({ startedAt, committedAt, storeClockAt }: ManifestHeader): number {
  const startedMs = Date.parse(startedAt);
  if (storeClockAt === null) return startedMs;
  return Date.parse(storeClockAt) - Math.max(0, Date.parse(committedAt) - startedMs);
}

/** So many revisions are asked for where none can be listed. */
const guesses = 8;

/**
 * Key objects that cannot be listed: without its keys no snapshot opens. Rotations number them one after the other.
 *
 * @returns whether there was any
 */
async function extendUnseen(
  { store, signal }: Pick<Extending, 'store' | 'signal'>,
  pair: Omit<OwnerKeyName, 'revision'>,
): Promise<boolean> {
  let found = false;
  for (let revision = 0; revision < guesses; revision++) {
    try {
      await store.extendLock?.({ key: ownerKeyKey({ ...pair, revision }), lockedAtMs: null, signal });
      found = true;
    } catch (error) {
      if (!isHoldfastError(error) || !refusals.test(error.code)) throw error;
      if (found) break;
    }
  }
  return found;
}

function gone(key: string, cause: unknown): HoldfastError {
  const message = `${key} was removed while the new snapshot referred to it`;
  return new HoldfastError('CHAIN_BROKEN', message, {
    cause,
    hint: 'Run the backup of this account again; it will find another parent or make a full.',
  });
}
