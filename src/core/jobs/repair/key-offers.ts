/** The keys of one account that copies have and may give back, and why one of them is not taken. */

import { type OwnerPlace, pairSlot } from '../../encryption/owner-keys.ts';
import { Erasures } from '../erasures.ts';
import type { CopiesAsked } from './copies-asked.ts';
import { type JudgedKey, judgedKeys } from './judge-keys.ts';
import { isFitting, type Need } from './key-needs.ts';
import type { RepairCopy, RepairRequest } from './types.ts';

export interface KeyOffer {
  readonly copy: RepairCopy;
  readonly keys: readonly JudgedKey[];
}

/** By what a rotation leaves: a later revision, for others than the identities given. */
export const isReplaced = (key: JudgedKey, here: readonly JudgedKey[]): boolean =>
  here.some(
    (one) => one.worth === 'shaped' && one.revision > key.revision && pairSlot(one) === pairSlot(key),
  );

/**
 * In the order of copies, without those that an erasure destroyed, as the copy says; none of one in which an erasure cannot be read.
 *
 * @param barred slots of pairs that must not come back
 */
export async function offersOf(
  { provider, trust, signal }: RepairRequest,
  copies: CopiesAsked,
  place: OwnerPlace,
  barred: ReadonlySet<string>,
): Promise<readonly KeyOffer[]> {
  return copies.eachListing(place.owner, async (copy) => {
    const { store, provider: from } = copy;
    const all = await judgedKeys(copy, place, provider.keys ?? null, signal);
    const erasures = new Erasures({ store, provider: from, trust, signal });
    const { server, owner } = place;
    const destroyed = await erasures.destroyed(server, owner);
    if ((await erasures.doubtful(server, owner)).length > 0) return { copy, keys: [] };
    const isGone = (key: JudgedKey): boolean => barred.has(pairSlot(key)) || destroyed.has(pairSlot(key));
    return { copy, keys: all.filter((key) => !isGone(key)) };
  });
}

/** The end of a sentence on a key that was not to be had; empty where no copy has any. */
export function whyNotTaken(offers: readonly KeyOffer[], need: Need, here: readonly JudgedKey[]): string {
  for (const { copy, keys } of offers) {
    const fitting = keys.filter((key) => isFitting(key, need) && key.worth !== 'damaged');
    if (fitting.some((key) => key.worth === 'opens' && isReplaced(key, here)))
      return `; that of copy ${copy.name} is of an earlier revision, which a rotation may have replaced`;
    if (fitting.some(({ worth }) => worth === 'shaped'))
      return `; copy ${copy.name} has one that no identity given opens`;
  }
  return '';
}
