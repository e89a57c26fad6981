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
 * @param readable what else is being read of the account; no key is made before it has been
 * @throws RECIPIENTS_UNUSABLE, STORE_DENIED, STORE_UNAVAILABLE there is no key, so there must be no backup
 */
export async function accountKeys(
  request: EpochRequest & { readonly owner: string },
  readable: Promise<unknown>,
): Promise<AccountKeys | null> {
  const { addin, storeId, stateDir, server, owner, signal } = request;
  readable.catch(() => {}); // its failure is the caller's, also where this one comes first
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
  await readable;
  const { epoch, publicKey } = await createEpoch(addin.provider, place, recipients, signal);
  await rememberEpoch(stateDir, storeId, owner, { epoch, publicKey, recipients });
  return { epoch: { epoch, publicKey }, openable: openable?.add(epoch) ?? null };
}

/**
 * Before the first account of a run.
 *
 * @param hasKeys whether the store holds keys of this server; null where it cannot be read
 * @throws RECIPIENTS_UNUSABLE no backup can be encrypted
 * @throws STORE_ENCRYPTED encrypted backups are there, plain ones were not said to be meant
 */
export async function checkEncryption(
  { addin, storeId, stateDir }: Pick<EpochRequest, 'addin' | 'storeId' | 'stateDir'>,
  allowPlaintext: boolean,
  hasKeys: Promise<boolean | null>,
): Promise<void> {
  if (addin.encryption !== 'none') {
    await checkRecipients(addin.encryption.recipients);
    return;
  }
  if (allowPlaintext) return;
  if (!((await hasKeys) ?? (await hasEpochs(stateDir, storeId)))) return;
  throw new HoldfastError(
    'STORE_ENCRYPTED',
    `the store holds encrypted snapshots of this server, and ${addin.name} would add plain ones`,
    { hint: 'Name recipients under "encryption", or add --allow-plaintext where plain backups are meant.' },
  );
}
