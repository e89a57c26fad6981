/**
 * Replaces keys: encrypts the key objects of accounts to other recipients, or begins new epochs.
 *
 * Only the small key objects are touched, never a snapshot. A key whose new revision is durable loses its
 * earlier ones; where that is not allowed, who could open them still can, and the report says so. Where one of them
 * holds another key, all are left: the newest may have been planted to have the others removed.
 */

import type { Provider } from '../../contracts/provider.ts';
import type { Store } from '../../contracts/store.ts';
import type { Identity } from '../../encryption/identities.ts';
import { pairId } from '../../encryption/key-text.ts';
import {
  createEpoch,
  type ListedKey,
  listKeys,
  newestRevisions,
  type OwnerEpoch,
  openEpoch,
  reviseEpoch,
  sharedId,
} from '../../encryption/owner-keys.ts';
import { checkRecipients } from '../../encryption/recipients.ts';
import { isHoldfastError } from '../../errors.ts';
import { readEpoch, rememberEpoch } from '../../state/owner-epochs.ts';
import { lockAccount } from '../account-lock.ts';
import { removeKeys } from './remove-keys.ts';

export interface RotateRequest {
  readonly store: Store;
  readonly provider: Provider;
  readonly storeId: string;
  readonly stateDir: string;
  readonly server: string;
  /** UUIDs of accounts; null for all that have keys in the store. */
  readonly owners: readonly string[] | null;
  readonly recipients: readonly string[];
  readonly signal: AbortSignal;
}

export interface RotatedKey {
  readonly server: string;
  readonly owner: string;
  readonly epoch: number;
  readonly action: 'new-epoch' | 'encrypted-anew' | 'left';
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
    const known = await readEpoch(stateDir, storeId, owner);
    const last = Math.max(known?.epoch ?? 0, ...listed.map(({ epoch }) => epoch));
    const made = await createEpoch(provider, { server, owner, epoch: last + 1 }, recipients, signal);
    const { epoch, publicKey, key } = made;
    await rememberEpoch(stateDir, storeId, owner, { epoch, publicKey, recipients });
    return [{ server, owner, epoch, action: 'new-epoch', key, removed: 0, kept: 0, message: null }];
  });
}

/**
 * Encrypts every key, of all epochs, to the recipients, and to nobody else. Safe to repeat.
 *
 * @throws RECIPIENTS_UNUSABLE before anything is written
 */
export async function encryptAnew(
  request: RotateRequest & { readonly identities: readonly Identity[] },
): Promise<RotatedKey[]> {
  await checkRecipients(request.recipients);
  return eachOwner(request, async (_, listed) => {
    const done: RotatedKey[] = [];
    for (const newest of newestRevisions(listed)) done.push(await encryptOne(request, newest, listed));
    return done;
  });
}

async function encryptOne(
  request: RotateRequest & { readonly identities: readonly Identity[] },
  newest: ListedKey,
  listed: readonly ListedKey[],
): Promise<RotatedKey> {
  const { store, provider, identities, recipients, signal } = request;
  const { server, owner, epoch } = newest;
  const about = { server, owner, epoch };
  const earlier = listed.filter((one) => one.epoch === epoch && one.pair === newest.pair);
  let key: string;
  let opened: OwnerEpoch;
  try {
    const own = await openEpoch(provider, newest, identities, signal);
    opened = own;
    for (const one of earlier) {
      if (one.key !== newest.key && (await holdsAnother(request, one, own))) throw sharedId(newest);
    }
    key = await reviseEpoch(provider, newest, own, recipients, signal);
  } catch (error) {
    if (!isHoldfastError(error) || !/^(?:IDENTITY|OBJECT)_/.test(error.code)) throw error;
    return { ...about, action: 'left', key: newest.key, removed: 0, kept: 0, message: error.message };
  }
  const mayGo = async (one: ListedKey): Promise<boolean> =>
    one.version === null || !(await holdsAnother(request, one, opened, one.version));
  const kept = (await removeKeys(store, earlier, signal, mayGo)).length;
  await rememberRecipients(request, newest);
  const removed = earlier.length - kept;
  return { ...about, action: 'encrypted-anew', key, removed, kept, message: null };
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
  { store, stateDir, server, owners, signal }: RotateRequest,
  work: (owner: string, listed: readonly ListedKey[]) => Promise<RotatedKey[]>,
): Promise<RotatedKey[]> {
  const groups = Map.groupBy(await listKeys(store, { server }, signal), ({ owner }) => owner);
  const done: RotatedKey[] = [];
  for (const owner of groups.keys()) {
    if (owners !== null && !owners.includes(owner)) continue;
    signal.throwIfAborted();
    const lock = lockAccount(stateDir, owner, owner);
    try {
      done.push(...(await work(owner, await listKeys(store, { server, owner }, signal))));
    } finally {
      lock.release();
    }
  }
  return done;
}
