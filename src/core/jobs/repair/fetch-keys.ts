/**
 * Takes lost keys of one account from a copy of the store, or those of a copy from the main store: without them nothing
 * opens the snapshots that name them.
 *
 * A key pair is lost where no revision of it is whole, and with an identity where none opens. Only then is one taken, so
 * that none comes back which a rotation has replaced; and never one that an erasure has destroyed, whichever of the
 * two stores says so. What may be good for somebody else is not replaced: the key goes beside it as a further revision.
 * Into a main store comes nothing but what an identity has opened: a copy that was away during a rotation has keys of
 * recipients who were removed, and anybody who can write to it whatever is shaped like one.
 */

import { highestRevision, ownerKeyKey, parseOwnerKeyKey } from '../../archive/keys.ts';
import type { ManifestHeader } from '../../archive/manifest.ts';
import { nextNumber } from '../../archive/next-number.ts';
import { type OwnerPlace, pairSlot } from '../../encryption/owner-keys.ts';
import { type HoldfastError, isHoldfastError } from '../../errors.ts';
import { bytesOf } from '../../streams.ts';
import { Erasures } from '../erasures.ts';
import { chooseKeys } from './choose-keys.ts';
import type { CopiesAsked } from './copies-asked.ts';
import type { Manifests } from './examine.ts';
import { type JudgedKey, judgedKeys } from './judge-keys.ts';
import { isFitting, type Need, needId, needsOf } from './key-needs.ts';
import { type KeyOffer, offersOf } from './key-offers.ts';
import type { RepairedObject, RepairRequest } from './types.ts';

export interface FetchedKeys {
  readonly objects: readonly RepairedObject[];
  /**
   * Why a key that the snapshot needs is not to be had; null where it needs none or has all. IDENTITY_WRONG where there is
   * one for others than the identities given.
   */
  lackOf(header: ManifestHeader): { readonly error: HoldfastError; readonly ofBody: boolean } | null;
}

const notItsKey = 'it does not hold the key that it is named after';

/**
 * The caller holds the account's lock where anything is changed.
 *
 * @throws STORE_UNAVAILABLE, STORE_DENIED, STORE_FULL of the store that is mended
 * @throws IDENTITY_MISSING it is the main store, a copy may have what is lost, and nothing was put
 */
export async function fetchKeys(
  request: RepairRequest,
  copies: CopiesAsked,
  place: OwnerPlace,
  { sound, erased }: Pick<Manifests, 'sound' | 'erased'>,
): Promise<FetchedKeys> {
  const { apply, provider, signal } = request;
  const { server, owner } = place;
  const needs = needsOf(sound.map(({ snapshot }) => snapshot.header));
  const ring = provider.keys ?? null;
  const own = needs.length === 0 ? [] : await judgedKeys(request, place, ring, signal);
  // Read after the keys: an erasure is written before the first of them goes.
  const erasures = new Erasures(request);
  const destroyed = needs.length === 0 ? [] : await erasures.destroyed(server, owner);
  const doubtful = needs.length === 0 ? [] : await erasures.doubtful(server, owner);
  const closed = erased.flatMap(({ encryption }) => encryption ?? []);
  const barred = new Set([...destroyed, ...closed.map((one) => pairSlot({ ...place, ...one }))]);
  const objects: RepairedObject[] = [];
  const lacking = new Map<string, HoldfastError>();
  const taken = new Set<string>();
  let asked: Promise<readonly KeyOffer[]> | null = null;
  const offered = (): Promise<readonly KeyOffer[]> => {
    // While nobody can tell what was erased no key comes back.
    asked ??= doubtful.length > 0 ? Promise.resolve([]) : offersOf(request, copies, place, barred);
    return asked;
  };
  for (const need of needs) {
    const here = own.filter((key) => isFitting(key, need));
    const isOpened = isOpenedBy(need, sound);
    const { found, lack } = await chooseKeys(request, place, need, { here, isOpened, barred, offered });
    if (lack !== null) lacking.set(needId(need), lack);
    for (const { copy, keys } of found)
      for (const key of keys) {
        const problem = problemOf(here, key);
        const target = targetOf(own, key);
        if (apply) await putKey(request, own, key, target);
        else copies.planned.takeKey(key);
        // Of several copies two may have different ones of one name.
        own.unshift({ ...key, ...parseOwnerKeyKey(target), key: target });
        taken.add(key.key);
        objects.push({ key: target, owner, problem, copy: copy.name, mended: apply });
      }
  }
  if (apply && objects.length > 0) await ring?.forget(place);
  if (lacking.size > 0) objects.push(...doubtful.map((key) => untold(key, owner)));
  const isNeeded = (key: JudgedKey): boolean =>
    needs.some((need) => isFitting(key, need) && lacking.has(needId(need)));
  for (const one of own)
    if (one.worth === 'damaged' && !taken.has(one.key)) objects.push(unmended(one, isNeeded(one)));
  return {
    objects,
    lackOf(header) {
      const { encryption } = header;
      const ofBody = encryption && lacking.get(needId(encryption));
      if (ofBody !== undefined) return { error: ofBody, ofBody: true };
      // Which pair an object of another snapshot wants is not in this header.
      const epochs = new Set(needsOf([header]).flatMap(({ epoch, pair }) => (pair === null ? epoch : [])));
      const other = needs.find((need) => epochs.has(need.epoch) && lacking.has(needId(need)));
      return other === undefined ? null : { error: lacking.get(needId(other))!, ofBody: false };
    },
  };
}

const untold = (key: string, owner: string): RepairedObject => ({
  ...{ key, owner, copy: null, mended: false },
  problem: 'it is damaged or not trusted, and may have destroyed keys: none is taken from a copy',
});

const unmended = ({ key, owner }: JudgedKey, isNeeded: boolean): RepairedObject => ({
  key,
  owner,
  problem: isNeeded ? notItsKey : `${notItsKey}, and nothing needs it: remove it`,
  copy: null,
  mended: false,
});

/** False where a pair that was made to share the id of another has taken its place. */
const isOpenedBy = (need: Need, sound: Manifests['sound']): boolean =>
  !sound.some(
    ({ snapshot: { body, header } }) =>
      body === null && header.encryption !== undefined && needId(header.encryption) === needId(need),
  );

function problemOf(here: readonly JudgedKey[], { key }: JudgedKey): string {
  const same = here.find((one) => one.key === key);
  if (same === undefined) return 'it is missing';
  return same.worth === 'damaged' ? notItsKey : 'the identity does not open it';
}

/** The key it is to have: its own, where nothing has that which may be good for somebody. */
function targetOf(own: readonly JudgedKey[], name: JudgedKey): string {
  const same = own.find(({ key }) => key === name.key);
  const isFree = same === undefined || same.worth === 'damaged';
  return isFree ? name.key : ownerKeyKey({ ...name, revision: nextRevision(own, name) });
}

/** @throws STORE_UNAVAILABLE, STORE_DENIED, STORE_FULL */
async function putKey(
  { provider, signal }: RepairRequest,
  own: readonly JudgedKey[],
  { file }: JudgedKey,
  key: string,
): Promise<void> {
  const put = { kind: 'key', key, body: bytesOf(file), sizeBytes: file.length } as const;
  try {
    await provider.put({ ...put, createOnly: !own.some((one) => one.key === key), signal });
  } catch (error) {
    // Another machine did it meanwhile.
    if (!isHoldfastError(error) || error.code !== 'OBJECT_EXISTS') throw error;
  }
}

function nextRevision(own: readonly JudgedKey[], name: Omit<JudgedKey, 'file'>): number {
  const taken = own.filter((one) => pairSlot(one) === pairSlot(name)).map(({ revision }) => revision);
  const { server, owner, revision: last } = name;
  return nextNumber({ last, highest: highestRevision }, taken, `keys/${server}/${owner}/`);
}
