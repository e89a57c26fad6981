/**
 * Replaces keys: encrypts the key objects of accounts to other recipients, or begins new epochs.
 *
 * Only the small key objects are touched, never a snapshot. A key whose new revision is durable loses its
 * others; where that is not allowed, who could open them still can, and the report says so. It is taken from the
 * highest revision that opens: one above may be anything that somebody has put there. Where one of them holds another
 * key, all are left: it may have been planted to have the others removed.
 */

import type { Provider } from '../../contracts/provider.ts';
import type { Store } from '../../contracts/store.ts';
import type { Identity } from '../../encryption/identities.ts';
import { pairId } from '../../encryption/key-text.ts';
import {
  createEpoch,
  type ListedKey,
  listKeys,
  nextEpoch,
  type OpenedEpoch,
  type OwnerEpoch,
  openEpoch,
  pairSlot,
  reviseEpoch,
  sharedId,
} from '../../encryption/owner-keys.ts';
import { checkRecipients } from '../../encryption/recipients.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { lastEpoch, ownersWithEpoch, readEpoch, rememberEpoch } from '../../state/owner-epochs.ts';
import { lockAccount } from '../account-lock.ts';
import { removeKeys } from './remove-keys.ts';

export interface RotateRequest {
  readonly store: Store;
  readonly provider: Provider;
  readonly storeId: string;
  /** Of a copy: id of the main store, from which its keys came; left out: not known, or it is no copy. */
  readonly originId?: string;
  readonly stateDir: string;
  readonly server: string;
  /** UUIDs of accounts; null for all that have keys in the store, or in the state where that cannot be listed. */
  readonly owners: readonly string[] | null;
  readonly recipients: readonly string[];
  readonly signal: AbortSignal;
}

export interface RotatedKey {
  readonly server: string;
  readonly owner: string;
  readonly epoch: number;
  /** `up-to-date`: it was made for these recipients, and no other revision is there. */
  readonly action: 'new-epoch' | 'encrypted-anew' | 'up-to-date' | 'left';
  /** Key of the object that counts now. */
  readonly key: string;
  readonly removed: number;
  /** Earlier revisions the store refused to remove. */
  readonly kept: number;
  /** Why it was left. */
  readonly message: string | null;
}

/**
 * A new epoch for each account: its next snapshot uses it. Needs no identity. The state has to be that of the
 * server that makes the backups.
 *
 * @throws RECIPIENTS_UNUSABLE before anything is written
 */
export async function beginEpochs(request: RotateRequest): Promise<RotatedKey[]> {
  const { provider, storeId, stateDir, server, recipients, signal } = request;
  await checkRecipients(recipients);
  return eachOwner(request, async (owner, listed) => {
    const epoch = nextEpoch(await lastEpoch(stateDir, storeId, owner), listed, { server, owner });
    const made = await createEpoch(provider, { server, owner, epoch }, recipients, signal);
    const { publicKey, key } = made;
    await rememberEpoch(stateDir, storeId, owner, { epoch, publicKey, recipients, madeFor: recipients });
    return [{ server, owner, epoch, action: 'new-epoch', key, removed: 0, kept: 0, message: null }];
  });
}

/**
 * Encrypts every key, of all epochs, to the recipients, and to nobody else. Safe to repeat.
 *
 * @throws RECIPIENTS_UNUSABLE before anything is written
 * @throws STORE_DENIED the keys cannot be read
 */
export async function encryptAnew(
  request: RotateRequest & { readonly identities: readonly Identity[] },
): Promise<RotatedKey[]> {
  if (request.store.capabilities.putOnly) {
    throw new HoldfastError('STORE_DENIED', 'these credentials can read no key', {
      hint: 'Run it on a machine whose credentials can, with --server UUID; then run key rotate --epoch here.',
    });
  }
  await checkRecipients(request.recipients);
  return eachOwner(request, async (_, listed) => {
    const done: RotatedKey[] = [];
    for (const revisions of Map.groupBy(listed, pairSlot).values())
      done.push(await encryptOne(request, revisions));
    return done;
  });
}

/** @param revisions all of one key pair, at least one */
async function encryptOne(
  request: RotateRequest & { readonly identities: readonly Identity[] },
  revisions: readonly ListedKey[],
): Promise<RotatedKey> {
  const { store, provider, recipients, signal } = request;
  const [highest, ...others] = revisions.toSorted((a, b) => b.revision - a.revision);
  const { server, owner, epoch } = highest!;
  const about = { server, owner, epoch };
  let key: string;
  let opened: OwnerEpoch;
  try {
    const [from, own] = await openHighest(request, [highest!, ...others]);
    opened = own;
    for (const one of revisions) {
      if (one.key !== from.key && (await holdsAnother(request, one, own))) throw sharedId(from);
    }
    const taken = revisions.map(({ revision }) => revision);
    key = await reviseEpoch(provider, from, own, recipients, signal, taken);
  } catch (error) {
    if (!isHoldfastError(error) || !/^(?:IDENTITY|OBJECT)_/.test(error.code)) throw error;
    const unchanged = { ...about, key: highest!.key, removed: 0, kept: 0 };
    if (error.code === 'IDENTITY_WRONG' && others.length === 0 && (await isUpToDate(request, highest!)))
      return { ...unchanged, action: 'up-to-date', message: null };
    return { ...unchanged, action: 'left', message: error.message };
  }
  const mayGo = async (one: ListedKey): Promise<boolean> =>
    one.version === null || !(await holdsAnother(request, one, opened, one.version));
  const kept = (await removeKeys(store, revisions, signal, mayGo)).length;
  await rememberRecipients(request, highest!);
  const removed = revisions.length - kept;
  return { ...about, action: 'encrypted-anew', key, removed, kept, message: null };
}

/** @throws what the highest did, where none opens */
async function openHighest(
  { provider, identities, signal }: RotateRequest & { readonly identities: readonly Identity[] },
  descending: readonly ListedKey[],
): Promise<readonly [ListedKey, OpenedEpoch]> {
  let first: unknown = null;
  for (const one of descending) {
    try {
      return [one, await openEpoch(provider, one, identities, signal)];
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:IDENTITY|OBJECT)_/.test(error.code)) throw error;
      first ??= error;
    }
  }
  throw first;
}

/**
 * False also for one that these identities do not open: a revision for recipients of earlier days. True for a version
 * that may not be looked at.
 */
async function holdsAnother(
  { provider, identities, signal }: RotateRequest & { readonly identities: readonly Identity[] },
  revision: ListedKey,
  { publicKey }: OwnerEpoch,
  version?: string,
): Promise<boolean> {
  try {
    return !(await openEpoch(provider, revision, identities, signal, version)).publicKey.equals(publicKey);
  } catch (error) {
    if (!isHoldfastError(error) || !/^(?:IDENTITY|OBJECT|STORE_DENIED)/.test(error.code)) throw error;
    return error.code === 'STORE_DENIED';
  }
}

/**
 * Whether this server made it for these recipients: of an account whose first backup came after they were changed no
 * earlier identity opens a key, nor has to.
 */
async function isUpToDate(
  { stateDir, storeId, originId, recipients }: RotateRequest,
  { owner, epoch, pair, revision }: ListedKey,
): Promise<boolean> {
  const known = await readEpoch(stateDir, originId ?? storeId, owner);
  if (known === null || known.epoch !== epoch || pairId(known.publicKey) !== pair) return false;
  // A later revision in a copy may be one that nobody here made; the first came with the epoch.
  const first = revision === 0 ? known.madeFor : undefined;
  const made = originId === undefined ? known.recipients : first;
  return made !== undefined && [...made].sort().join() === [...recipients].sort().join();
}

/** So that runs stop warning of recipients that have changed. */
async function rememberRecipients(
  { stateDir, storeId, recipients }: RotateRequest,
  { owner, epoch, pair }: ListedKey,
): Promise<void> {
  const known = await readEpoch(stateDir, storeId, owner);
  if (known === null || known.epoch !== epoch || pairId(known.publicKey) !== pair) return;
  await rememberEpoch(stateDir, storeId, owner, { ...known, recipients });
}

/** Each under its lock: a backup under way may be making a key. @throws ACCOUNT_LOCKED */
async function eachOwner(
  request: RotateRequest,
  work: (owner: string, listed: readonly ListedKey[]) => Promise<RotatedKey[]>,
): Promise<RotatedKey[]> {
  const { store, stateDir, storeId, server, owners, signal } = request;
  const { putOnly } = store.capabilities;
  const all = putOnly
    ? await ownersWithEpoch(stateDir, storeId)
    : [...new Set((await listKeys(store, { server }, signal)).map(({ owner }) => owner))];
  const done: RotatedKey[] = [];
  for (const owner of all) {
    if (owners !== null && !owners.includes(owner)) continue;
    // One that was erased has no key, and may never be backed up again.
    if (putOnly && (await readEpoch(stateDir, storeId, owner)) === null) continue;
    signal.throwIfAborted();
    const lock = lockAccount(stateDir, owner, owner);
    try {
      done.push(...(await work(owner, putOnly ? [] : await listKeys(store, { server, owner }, signal))));
    } finally {
      lock.release();
    }
  }
  return done;
}
