/**
 * The key that one account's new objects are encrypted to, made with its first encrypted backup.
 *
 * The state remembers the public half. Where its key object is not in the store any more, a new epoch begins:
 * nobody could ever read what was encrypted to the old one.
 */

import { pairId } from '../../encryption/key-text.ts';
import { createEpoch, listKeys, type OwnerEpoch } from '../../encryption/owner-keys.ts';
import { checkRecipients } from '../../encryption/recipients.ts';
import { HoldfastError } from '../../errors.ts';
import { hasEpochs, readEpoch, rememberEpoch } from '../../state/owner-epochs.ts';
import type { OpenAddin } from '../addin.ts';

export interface EpochRequest {
  readonly addin: OpenAddin;
  readonly storeId: string;
  readonly stateDir: string;
  readonly server: string;
  readonly signal: AbortSignal;
}

export interface AccountKeys {
  readonly epoch: OwnerEpoch;
  /** Epochs whose key objects the store has, this one included; null where nobody can ask. */
  readonly openable: ReadonlySet<number> | null;
}

/**
 * Null where the configuration says `none`.
 *
 * @throws RECIPIENTS_UNUSABLE, STORE_DENIED, STORE_UNAVAILABLE there is no key, so there must be no backup
 */
export async function accountKeys(
  request: EpochRequest & { readonly owner: string },
): Promise<AccountKeys | null> {
  const { addin, storeId, stateDir, server, owner, signal } = request;
  if (addin.encryption === 'none') return null;
  const { recipients } = addin.encryption;
  const known = await readEpoch(stateDir, storeId, owner);
  const listed = addin.store.capabilities.putOnly
    ? null
    : await listKeys(addin.store, { server, owner }, signal);
  const isThere = (one: OwnerEpoch): boolean =>
    listed === null ||
    listed.some(({ epoch, pair }) => epoch === one.epoch && pair === pairId(one.publicKey));
  const openable = listed === null ? null : new Set(listed.map((one) => one.epoch));
  if (known !== null && isThere(known)) return { epoch: known, openable };
  const last = Math.max(0, known?.epoch ?? 0, ...(listed ?? []).map(({ epoch }) => epoch));
  const place = { server, owner, epoch: last + 1 };
  const { epoch, publicKey } = await createEpoch(addin.provider, place, recipients, signal);
  await rememberEpoch(stateDir, storeId, owner, { epoch, publicKey, recipients });
  return { epoch: { epoch, publicKey }, openable: openable?.add(epoch) ?? null };
}

/**
 * Before the first account of a run.
 *
 * @throws RECIPIENTS_UNUSABLE no backup can be encrypted
 * @throws STORE_ENCRYPTED encrypted backups are there, plain ones were not said to be meant
 */
export async function checkEncryption(
  { addin, storeId, stateDir, server, signal }: EpochRequest,
  allowPlaintext: boolean,
): Promise<void> {
  if (addin.encryption !== 'none') {
    await checkRecipients(addin.encryption.recipients);
    return;
  }
  if (allowPlaintext) return;
  const { store } = addin;
  const found = store.capabilities.putOnly
    ? await hasEpochs(stateDir, storeId)
    : (await store.list({ prefix: `keys/${server}/`, limit: 1, signal })).objects.length > 0;
  if (!found) return;
  throw new HoldfastError(
    'STORE_ENCRYPTED',
    `the store holds encrypted snapshots of this server, and ${addin.name} would add plain ones`,
    { hint: 'Name recipients under "encryption", or add --allow-plaintext where plain backups are meant.' },
  );
}
