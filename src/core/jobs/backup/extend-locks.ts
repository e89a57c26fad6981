/**
 * Keeps what a new snapshot refers to locked for as long as what it stores anew, in stores with object lock.
 *
 * A store that refuses costs a warning, not the backup. The parent did the same when it was made, so the
 * instant it began tells a store whether anything is due: by the store's own clock, since ours may have been wrong then.
 */

import { type OwnerKeyName, ownerKeyKey } from '../../archive/keys.ts';
import type { ManifestHeader, ObjectRef } from '../../archive/manifest.ts';
import { pairId } from '../../encryption/key-text.ts';
import { listKeys, type OwnerEpoch } from '../../encryption/owner-keys.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import type { OpenAddin } from '../addin.ts';
import type { Snapshot } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import type { WarningList } from './warnings.ts';

const code = 'lock-not-extended';
const requestsAtOnce = 8;

interface LockContext {
  readonly addin: Pick<OpenAddin, 'store'>;
  readonly server: string;
  readonly owner: string;
  /** Null where nothing is encrypted. */
  readonly epoch: OwnerEpoch | null;
  readonly parent: Snapshot | null;
  /** What an interrupted run stored: locked when that put it, which may be long before this one began. */
  readonly takenOver: readonly Pick<ObjectRef, 'key'>[];
  readonly warnings: WarningList;
  readonly signal: AbortSignal;
}

/**
 * @throws CHAIN_BROKEN an object is gone; nothing was committed
 * @throws STORE_UNAVAILABLE, INTERRUPTED
 */
export async function extendLocks(
  references: readonly Pick<ObjectRef, 'key'>[],
  context: LockContext,
): Promise<void> {
  const { store } = context.addin;
  const { parent, warnings, signal } = context;
  const { objectLock, putOnly } = store.capabilities;
  // Credentials that can only put cannot tell whether there are locks.
  if (store.extendLock === undefined || !(objectLock || putOnly)) return;
  const sure = parent !== null && (parent.body.warningCounts[code] ?? 0) === 0;
  const lockedAtMs = sure ? begunMs(parent.header) : null;
  const extend = async (key: string, sinceMs: number | null, needed: boolean): Promise<void> => {
    try {
      await store.extendLock?.({ key, lockedAtMs: sinceMs, signal });
    } catch (cause) {
      if (!isHoldfastError(cause)) throw cause;
      if (cause.code === 'OBJECT_MISSING' && needed) throw gone(key, cause);
      if (!/^(?:OBJECT_MISSING|STORE_DENIED|CONFIG_INVALID)$/.test(cause.code)) throw cause;
      const message = `the lock of ${key} was not extended: ${cause.message}`;
      warnings.add({ code, component: 'account', message });
    }
  };
  await eachLimited(references, requestsAtOnce, ({ key }) => extend(key, lockedAtMs, true));
  await eachLimited(context.takenOver, requestsAtOnce, ({ key }) => extend(key, null, true));
  if (context.epoch === null) return;
  const { server, owner, epoch } = context;
  if (!putOnly) {
    // All revisions: which of them opens only an identity tells.
    const keys = await listKeys(store, { server, owner }, signal);
    await eachLimited(keys, requestsAtOnce, ({ key }) => extend(key, null, false));
    return;
  }
  const pair = pairId(epoch.publicKey);
  const revisions = { server, owner, epoch: epoch.epoch, pair };
  if (await extendUnseen(context, revisions)) return;
  await extend(ownerKeyKey({ ...revisions, revision: 0 }), null, false);
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
  { addin: { store }, signal }: LockContext,
  pair: Omit<OwnerKeyName, 'revision'>,
): Promise<boolean> {
  let found = false;
  for (let revision = 0; revision < guesses; revision++) {
    try {
      await store.extendLock?.({ key: ownerKeyKey({ ...pair, revision }), lockedAtMs: null, signal });
      found = true;
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:OBJECT_MISSING|STORE_DENIED|CONFIG_INVALID)$/.test(error.code))
        throw error;
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
