/** Which keys of one account its snapshots need, and what is said of one that is not to be had. */

import type { ManifestHeader, ObjectRef } from '../../archive/manifest.ts';
import { type OwnerPlace, pairSlot } from '../../encryption/owner-keys.ts';
import { HoldfastError } from '../../errors.ts';
import type { JudgedKey } from './judge-keys.ts';

/** Without a pair: of whichever opens its objects, as the headers of their own snapshots may be gone. */
export interface Need {
  readonly epoch: number;
  readonly pair: string | null;
  /** Without a pair: what is encrypted to it, each once. */
  readonly objects?: readonly ObjectRef[];
}

export const needId = ({ epoch, pair }: Need): string => `${epoch}-${pair ?? ''}`;

export const isFitting = (key: JudgedKey, { epoch, pair }: Need): boolean =>
  key.epoch === epoch && (pair === null || key.pair === pair);

/** Of each header the key of its body first. */
export function needsOf(headers: readonly ManifestHeader[]): Need[] {
  const needs = new Map<string, Need>();
  const add = (need: Need): void => void needs.set(needId(need), need);
  for (const { encryption } of headers) if (encryption !== undefined) add(encryption);
  const known = new Set([...needs.values()].map(({ epoch }) => epoch));
  const refs = headers.flatMap(({ objects, references }) => [...objects, ...references]);
  const others = refs.filter(({ epoch }) => epoch !== undefined && !known.has(epoch));
  for (const [epoch, of] of Map.groupBy(others, (ref) => ref.epoch!))
    add({ epoch, pair: null, objects: [...new Map(of.map((ref) => [ref.key, ref])).values()] });
  return [...needs.values()];
}

export const untried = ({ server, owner }: OwnerPlace, { epoch }: Need): HoldfastError =>
  new HoldfastError(
    'IDENTITY_MISSING',
    `the key of epoch ${epoch} is lost in keys/${server}/${owner}/, and without an identity none from a copy can be tried`,
    { hint: 'Give --identity FILE.' },
  );

export function lackOf(
  place: OwnerPlace,
  { epoch, pair }: Need,
  {
    here,
    barred,
    why,
  }: { readonly here: readonly JudgedKey[]; readonly barred: ReadonlySet<string>; readonly why: string },
): HoldfastError {
  const where = `keys/${place.server}/${place.owner}/`;
  if (here.length > 0)
    return new HoldfastError('OBJECT_DAMAGED', `the key of epoch ${epoch} is damaged in ${where}${why}`);
  const isErased = pair !== null && barred.has(pairSlot({ ...place, epoch, pair }));
  const erased = isErased ? ', since the account was erased' : '';
  return new HoldfastError(
    'OBJECT_MISSING',
    `the key of epoch ${epoch} is missing in ${where}${erased}${why}`,
  );
}

export const otherRecipients = ({ server, owner }: OwnerPlace, { epoch }: Need, why: string): HoldfastError =>
  new HoldfastError(
    'IDENTITY_WRONG',
    `no identity given opens the key of epoch ${epoch} in keys/${server}/${owner}/${why}`,
    { hint: 'Give the identity of a present recipient.' },
  );

/** @param key of an object that none opens */
export const notOpened = ({ server, owner }: OwnerPlace, { epoch }: Need, key: string): HoldfastError =>
  new HoldfastError(
    'OBJECT_DAMAGED',
    `no key of epoch ${epoch} in keys/${server}/${owner}/ opens ${key}: it is missing, or that object is damaged, which --read-data tells`,
  );
