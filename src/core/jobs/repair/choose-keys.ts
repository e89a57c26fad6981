/**
 * What is to be taken for one need of a key, and what is said where that is not enough.
 *
 * A need that names its pair is met by what holds that pair. One that does not is met by what opens its objects: anybody
 * can encrypt a pair to the recipients, so that one of the right epoch opens proves nothing.
 */

import type { KeyPair } from '../../age/x25519.ts';
import { type OwnerPlace, pairSlot } from '../../encryption/owner-keys.ts';
import type { HoldfastError } from '../../errors.ts';
import { type JudgedKey, type KeyWorth, keyWorths } from './judge-keys.ts';
import { isFitting, lackOf, type Need, notOpened, otherRecipients, untried } from './key-needs.ts';
import { isReplaced, type KeyOffer, whyNotTaken } from './key-offers.ts';
import { type ObjectHeads, readHeads } from './object-heads.ts';
import type { RepairRequest } from './types.ts';

export interface Chosen {
  readonly found: readonly KeyOffer[];
  /** Null also where what was found will do. */
  readonly lack: HoldfastError | null;
}

interface Known {
  /** Those of the store that is mended which may meet the need. */
  readonly here: readonly JudgedKey[];
  /** False where one of them opens and is not the one after all. */
  readonly isOpened: boolean;
  readonly barred: ReadonlySet<string>;
  readonly offered: () => Promise<readonly KeyOffer[]>;
}

/**
 * @throws IDENTITY_MISSING it is the main store, and without an identity no key of a copy can be tried
 * @throws STORE_UNAVAILABLE, STORE_DENIED of the store that is mended
 */
export async function chooseKeys(
  request: RepairRequest,
  place: OwnerPlace,
  need: Need,
  known: Known,
): Promise<Chosen> {
  const { here, isOpened, barred, offered } = known;
  const isTried = (request.provider.keys ?? null) !== null;
  const isMain = request.isCopy !== true;
  const isProvable = isTried && need.pair === null;
  const proved = isProvable ? await chooseProved(request, place, need, known) : null;
  if (proved !== null) return proved;
  const best = worthOf(here);
  const worth = best === 'opens' && !isOpened ? 'shaped' : best;
  const wanted = wantedOf(worth).filter((one) =>
    one === 'opens' ? isTried && !isProvable : !isTried || !isMain,
  );
  const found = wanted.length === 0 ? null : findKeys(await offered(), { need, wanted, here });
  // Whatever looks like a key: without an identity there is no way to try it, and the snapshots cannot tell either.
  if (found !== null && !isTried && isMain) throw untried(place, need);
  if (found !== null) return { found: [found], lack: null };
  const isLocked = isTried && isMain && best === 'shaped';
  if (worth !== 'damaged' && !isLocked) return { found: [], lack: null };
  const why = isTried ? whyNotTaken(await offered(), need, here) : '';
  const lack = isLocked ? otherRecipients(place, need, why) : lackOf(place, need, { here, barred, why });
  return { found: [], lack };
}

const rank = (worth: KeyWorth): number => keyWorths.indexOf(worth);
const worthOf = (keys: readonly JudgedKey[]): KeyWorth =>
  keyWorths[Math.max(0, ...keys.map(({ worth }) => rank(worth)))]!;
/** The best first. */
const wantedOf = (worth: KeyWorth): readonly KeyWorth[] => keyWorths.slice(rank(worth) + 1).toReversed();
const pairsOf = (keys: readonly JudgedKey[]): KeyPair[] => keys.flatMap(({ opened }) => opened ?? []);

/** Null where no pair is to be had that opens. */
async function chooseProved(
  request: RepairRequest,
  place: OwnerPlace,
  need: Need,
  { here, offered }: Known,
): Promise<Chosen | null> {
  const heads = await readHeads(request, need.objects ?? []);
  const own = pairsOf(here);
  if (own.length > 0 && heads.areAll && heads.unopenedBy(own).length === 0) return { found: [], lack: null };
  const found = findProved(await offered(), need, here, heads);
  const pairs = [...own, ...found.flatMap(({ keys }) => pairsOf(keys))];
  if (pairs.length === 0) return null;
  const [unopened] = heads.unopenedBy(pairs);
  if (unopened === undefined) return { found, lack: null };
  if (!here.some(({ worth }) => worth === 'shaped')) return { found, lack: notOpened(place, need, unopened) };
  return { found, lack: request.isCopy === true ? null : otherRecipients(place, need, '') };
}

/**
 * From every copy what opens an object that none here opens. While some of the objects cannot be asked, every pair that is
 * new: the right one may be behind any number of others.
 */
function findProved(
  offers: readonly KeyOffer[],
  need: Need,
  here: readonly JudgedKey[],
  heads: ObjectHeads,
): KeyOffer[] {
  const known = pairsOf(here);
  const unopened = heads.unopenedBy(known);
  const found: KeyOffer[] = [];
  for (const { copy, keys } of offers) {
    const taken = newestOfEach(keys.filter((key) => isFitting(key, need))).filter(
      (key) =>
        key.opened !== null &&
        !isReplaced(key, here) &&
        !known.some(({ publicKey }) => publicKey.equals(key.opened!.publicKey)) &&
        (!heads.areAll || unopened.some((one) => heads.isOpenedBy(one, key.opened!))),
    );
    known.push(...pairsOf(taken));
    if (taken.length > 0) found.push({ copy, keys: taken });
  }
  return found;
}

/** From the first copy that has the best there is to be had. */
function findKeys(
  offers: readonly KeyOffer[],
  {
    need,
    wanted,
    here,
  }: {
    readonly need: Need;
    readonly wanted: readonly KeyWorth[];
    readonly here: readonly JudgedKey[];
  },
): KeyOffer | null {
  for (const worth of wanted)
    for (const { copy, keys } of offers) {
      const isNew = ({ file }: JudgedKey): boolean => !here.some((one) => one.file.equals(file));
      const fitting = keys.filter(
        (key) => key.worth === worth && isFitting(key, need) && isNew(key) && !isReplaced(key, here),
      );
      if (fitting.length > 0) return { copy, keys: worth === 'opens' ? newestOfEach(fitting) : fitting };
    }
  return null;
}

/** Of the pairs that open. What does not, by contrast, may be the one in any revision. */
function newestOfEach(keys: readonly JudgedKey[]): JudgedKey[] {
  const opening = keys.filter(({ opened }) => opened !== null);
  const slotOf = (key: JudgedKey): string => `${pairSlot(key)} ${key.opened!.publicKey.toString('hex')}`;
  return [...Map.groupBy(opening, slotOf).values()].map(
    (revisions) => revisions.toSorted((a, b) => b.revision - a.revision)[0]!,
  );
}
