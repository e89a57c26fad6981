/**
 * Takes lost keys of one account from a copy of the store, or those of a copy from the main store: without them nothing
 * opens the snapshots that name them.
 *
 * A key pair is lost where no revision of it is whole, and with an identity where none opens. Only then is one taken, so
 * that none comes back which a rotation has replaced; and never one that an erasure has destroyed, whichever of the
 * two stores says so. What may be good for somebody else is not replaced: the key goes beside it as a further revision.
 */

import { highestRevision, ownerKeyKey } from '../../archive/keys.ts';
import type { ManifestHeader } from '../../archive/manifest.ts';
import { nextNumber } from '../../archive/next-number.ts';
import { type OwnerPlace, pairSlot } from '../../encryption/owner-keys.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { bytesOf } from '../../streams.ts';
import { Erasures } from '../erasures.ts';
import type { CopiesAsked } from './copies-asked.ts';
import type { Manifests } from './examine.ts';
import { type JudgedKey, judgedKeys, type KeyWorth, keyWorths } from './judge-keys.ts';
import type { RepairCopy, RepairedObject, RepairRequest } from './types.ts';

export interface FetchedKeys {
  readonly objects: readonly RepairedObject[];
  /** Why a key that the snapshot needs is not to be had; null where it needs none or has all. */
  lackOf(header: ManifestHeader): { readonly error: HoldfastError; readonly ofBody: boolean } | null;
  /** The key of its body is in a copy only, since nothing was to be changed. */
  isAwaited(header: ManifestHeader): boolean;
}

/** Without a pair: of any, as the header of an object's own snapshot may be gone. */
interface Need {
  readonly epoch: number;
  readonly pair: string | null;
}

const notItsKey = 'it does not hold the key that it is named after';
const rank = (worth: KeyWorth): number => keyWorths.indexOf(worth);
const needId = ({ epoch, pair }: Need): string => `${epoch}-${pair ?? ''}`;
const fits = ({ epoch, pair }: Need, key: JudgedKey): boolean =>
  key.epoch === epoch && (pair === null || key.pair === pair);

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
  const best = ring === null ? 'shaped' : 'opens';
  const own = needs.length === 0 ? [] : await judgedKeys(request, place, ring, signal);
  // Read after the keys: an erasure is written before the first of them goes.
  const destroyed = needs.length === 0 ? [] : await new Erasures(request).destroyed(server, owner);
  const closed = erased.flatMap(({ encryption }) => encryption ?? []);
  const barred = new Set([...destroyed, ...closed.map((one) => pairSlot({ ...place, ...one }))]);
  const objects: RepairedObject[] = [];
  const awaited = new Set<string>();
  const lacking = new Map<string, HoldfastError>();
  const taken = new Set<string>();
  for (const need of needs) {
    const here = own.filter((key) => fits(need, key));
    const worth = isOpenedBy(need, sound) ? worthOf(here) : asShaped(worthOf(here));
    if (worth === best) continue;
    const wanted = keyWorths.slice(rank(worth) + 1, rank(best) + 1).toReversed();
    const found = await findKeys(request, copies, place, { need, wanted, barred, here });
    if (found === null) {
      if (worth === 'damaged') lacking.set(needId(need), lackOf(place, need, here, barred));
      continue;
    }
    // Whatever looks like a key: without an identity there is no way to try it, and the snapshots cannot tell either.
    if (ring === null && request.isCopy !== true) throw untried(place, need);
    for (const key of found.value) {
      const problem = problemOf(here, key);
      const target = apply ? await putKey(request, own, key) : key.key;
      taken.add(key.key);
      objects.push({ key: target, owner, problem, copy: found.copy.name, mended: apply });
    }
    if (!apply) awaited.add(needId(need));
  }
  if (apply && objects.length > 0) await ring?.forget(place);
  const isNeeded = (key: JudgedKey): boolean =>
    needs.some((need) => fits(need, key) && lacking.has(needId(need)));
  for (const one of own)
    if (one.worth === 'damaged' && !taken.has(one.key)) objects.push(unmended(one, isNeeded(one)));
  return {
    objects,
    lackOf(header) {
      // Its own need comes first.
      const [ofBody, ...others] = needsOf([header]).map((need) => lacking.get(needId(need)));
      const error = ofBody ?? others.find((one) => one !== undefined);
      return error === undefined ? null : { error, ofBody: ofBody !== undefined };
    },
    isAwaited: ({ encryption }) => encryption !== undefined && awaited.has(needId(encryption)),
  };
}

const unmended = ({ key, owner }: JudgedKey, isNeeded: boolean): RepairedObject => ({
  key,
  owner,
  problem: isNeeded ? notItsKey : `${notItsKey}, and nothing needs it: remove it`,
  copy: null,
  mended: false,
});

/** Of each header the key of its body first. */
function needsOf(headers: readonly ManifestHeader[]): Need[] {
  const needs = new Map<string, Need>();
  const add = (need: Need): void => void needs.set(needId(need), need);
  for (const { encryption } of headers) if (encryption !== undefined) add(encryption);
  const known = new Set([...needs.values()].map(({ epoch }) => epoch));
  for (const { objects, references } of headers)
    for (const { epoch } of [...objects, ...references])
      if (epoch !== undefined && !known.has(epoch)) add({ epoch, pair: null });
  return [...needs.values()];
}

const worthOf = (keys: readonly JudgedKey[]): KeyWorth =>
  keyWorths[Math.max(0, ...keys.map(({ worth }) => rank(worth)))]!;

/** False where a pair that was made to share the id of another has taken its place. */
const isOpenedBy = (need: Need, sound: Manifests['sound']): boolean =>
  !sound.some(
    ({ snapshot: { body, header } }) =>
      body === null && header.encryption !== undefined && needId(header.encryption) === needId(need),
  );

const asShaped = (worth: KeyWorth): KeyWorth => (worth === 'opens' ? 'shaped' : worth);

/** From the first copy that has the best there is to be had. */
async function findKeys(
  { provider, trust, signal }: RepairRequest,
  copies: CopiesAsked,
  place: OwnerPlace,
  {
    need,
    wanted,
    barred,
    here,
  }: {
    readonly need: Need;
    /** The best first. */
    readonly wanted: readonly KeyWorth[];
    readonly barred: ReadonlySet<string>;
    readonly here: readonly JudgedKey[];
  },
): Promise<{ readonly copy: RepairCopy; readonly value: readonly JudgedKey[] } | null> {
  for (const worth of wanted) {
    const found = await copies.first(async (copy) => {
      const { store, provider: from } = copy;
      const all = await judgedKeys(copy, place, provider.keys ?? null, signal);
      const whose = trust === undefined ? {} : { trust };
      const erasures = new Erasures({ store, provider: from, signal, ...whose });
      const destroyed = await erasures.destroyed(place.server, place.owner);
      const mayReturn = (key: JudgedKey): boolean =>
        !barred.has(pairSlot(key)) && !destroyed.has(pairSlot(key));
      const isNew = ({ file }: JudgedKey): boolean => !here.some((one) => one.file.equals(file));
      const fitting = all.filter(
        (key) => key.worth === worth && fits(need, key) && mayReturn(key) && isNew(key),
      );
      return fitting.length === 0 ? null : fitting;
    });
    if (found === null) continue;
    return { copy: found.copy, value: worth === 'opens' ? newestOfEach(found.value) : found.value };
  }
  return null;
}

/** Of what does not open here, by contrast, any revision may be the one. */
const newestOfEach = (keys: readonly JudgedKey[]): JudgedKey[] =>
  [...Map.groupBy(keys, pairSlot).values()].map(
    (revisions) => revisions.toSorted((a, b) => b.revision - a.revision)[0]!,
  );

function problemOf(here: readonly JudgedKey[], { key }: JudgedKey): string {
  const same = here.find((one) => one.key === key);
  if (same === undefined) return 'it is missing';
  return same.worth === 'damaged' ? notItsKey : 'the identity does not open it';
}

/** The key it has there. @throws STORE_UNAVAILABLE, STORE_DENIED, STORE_FULL */
async function putKey(
  { provider, signal }: RepairRequest,
  own: readonly JudgedKey[],
  { file, ...name }: JudgedKey,
): Promise<string> {
  const same = own.find(({ key }) => key === name.key);
  const isFree = same === undefined || same.worth === 'damaged';
  const key = isFree ? name.key : ownerKeyKey({ ...name, revision: nextRevision(own, name) });
  const put = { kind: 'key', key, body: bytesOf(file), sizeBytes: file.length } as const;
  try {
    await provider.put({ ...put, createOnly: same === undefined || !isFree, signal });
  } catch (error) {
    // Another machine did it meanwhile.
    if (!isHoldfastError(error) || error.code !== 'OBJECT_EXISTS') throw error;
  }
  return key;
}

function nextRevision(own: readonly JudgedKey[], name: Omit<JudgedKey, 'file'>): number {
  const taken = own.filter((one) => pairSlot(one) === pairSlot(name)).map(({ revision }) => revision);
  const { server, owner, revision: last } = name;
  return nextNumber({ last, highest: highestRevision }, taken, `keys/${server}/${owner}/`);
}

const untried = ({ server, owner }: OwnerPlace, { epoch }: Need): HoldfastError =>
  new HoldfastError(
    'IDENTITY_MISSING',
    `the key of epoch ${epoch} is lost in keys/${server}/${owner}/, and without an identity none from a copy can be tried`,
    { hint: 'Give --identity FILE.' },
  );

function lackOf(
  place: OwnerPlace,
  { epoch, pair }: Need,
  here: readonly JudgedKey[],
  barred: ReadonlySet<string>,
): HoldfastError {
  const where = `keys/${place.server}/${place.owner}/`;
  if (here.length > 0)
    return new HoldfastError('OBJECT_DAMAGED', `the key of epoch ${epoch} is damaged in ${where}`);
  const isErased = pair !== null && barred.has(pairSlot({ ...place, epoch, pair }));
  const why = isErased ? ', since the account was erased' : '';
  return new HoldfastError('OBJECT_MISSING', `the key of epoch ${epoch} is missing in ${where}${why}`);
}
