/**
 * The key that one account's new objects are encrypted to, made with its first encrypted backup.
 *
 * The state remembers the public half. Where its key object is not in the store any more, a new epoch begins:
 * nobody could ever read what was encrypted to the old one.
 */

import { pairId } from '../../encryption/key-text.ts';
import { createEpoch, listKeys, nextEpoch, type OwnerEpoch } from '../../encryption/owner-keys.ts';
import { checkRecipients } from '../../encryption/recipients.ts';
import { hasEpochs, lastEpoch, readEpoch, rememberEpoch } from '../../state/owner-epochs.ts';
import type { OpenAddin } from '../addin.ts';
import { type EncryptedBeside, storeEncrypted } from './encrypted-beside.ts';
import type { OwnHistory } from './history.ts';

export interface EpochRequest {
  readonly addin: OpenAddin;
  readonly storeId: string;
  readonly stateDir: string;
  readonly server: string;
  readonly signal: AbortSignal;
}

export interface AccountKeys {
  readonly epoch: OwnerEpoch;
  /** Of which the store has key objects, this one included; null where nobody can ask. */
  readonly openable: readonly { readonly epoch: number; readonly pair: string }[] | null;
}

/**
 * Null where the configuration says `none`.
 *
 * @param history what else is being read of the account; no key is made before it has been
 * @throws RECIPIENTS_UNUSABLE, STORE_DENIED, STORE_UNAVAILABLE there is no key, so there must be no backup
 * @throws OBJECT_DAMAGED no number is left for a new epoch
 */
export async function accountKeys(
  request: EpochRequest & { readonly owner: string },
  history: Promise<Pick<OwnHistory, 'lastEpoch'>>,
): Promise<AccountKeys | null> {
  const { addin, storeId, stateDir, server, owner, signal } = request;
  history.catch(() => {}); // its failure is the caller's, also where this one comes first
  if (addin.encryption === 'none') return null;
  const { recipients } = addin.encryption;
  const known = await readEpoch(stateDir, storeId, owner);
  const openable = addin.store.capabilities.putOnly
    ? null
    : await listKeys(addin.store, { server, owner }, signal);
  const isThere = (one: OwnerEpoch): boolean =>
    openable === null ||
    openable.some(({ epoch, pair }) => epoch === one.epoch && pair === pairId(one.publicKey));
  if (known !== null && isThere(known)) return { epoch: known, openable };
  const last = Math.max((await history).lastEpoch, await lastEpoch(stateDir, storeId, owner));
  const epoch = nextEpoch(last, openable ?? [], { server, owner });
  const { publicKey } = await createEpoch(addin.provider, { server, owner, epoch }, recipients, signal);
  await rememberEpoch(stateDir, storeId, owner, { epoch, publicKey, recipients, madeFor: recipients });
  const made = { epoch, pair: pairId(publicKey) };
  return { epoch: { epoch, publicKey }, openable: openable === null ? null : [...openable, made] };
}

/**
 * Before the first account of a run.
 *
 * @param beside null where the store cannot be read: what this server remembers of its own must do then
 * @throws RECIPIENTS_UNUSABLE no backup can be encrypted
 * @throws STORE_ENCRYPTED encrypted backups are there, plain ones were not said to be meant
 */
export async function checkEncryption(
  {
    addin,
    storeId,
    stateDir,
  }: Pick<EpochRequest, 'storeId' | 'stateDir'> & { readonly addin: Pick<OpenAddin, 'name' | 'encryption'> },
  allowPlaintext: boolean,
  beside: Promise<EncryptedBeside | null>,
): Promise<void> {
  if (addin.encryption !== 'none') {
    await checkRecipients(addin.encryption.recipients);
    return;
  }
  if (allowPlaintext) return;
  const found = (await beside) ?? ((await hasEpochs(stateDir, storeId)) ? 'own' : 'none');
  if (found !== 'none') throw storeEncrypted('the store', addin.name, found);
}
