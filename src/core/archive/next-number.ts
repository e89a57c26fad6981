/**
 * The next number for a name: from what is trusted, past what is taken.
 *
 * Names alone say nothing, since whoever can put objects can make any: a number far above costs him nothing and
 * must not be counted on from. So only those that follow without a gap are passed by.
 */

import { HoldfastError } from '../errors.ts';

/**
 * @param last the highest that is known to be ours; 0 where there is none
 * @param taken by names that may be ours, or must not be used again
 * @param place below which the names lie, for the message
 * @throws OBJECT_DAMAGED none is left
 */
export function nextNumber(
  { last, highest }: { readonly last: number; readonly highest: number },
  taken: Iterable<number>,
  place: string,
): number {
  const names = new Set(taken);
  let next = last + 1;
  while (names.has(next)) next += 1;
  if (next <= highest) return next;
  throw new HoldfastError('OBJECT_DAMAGED', `no number is left below ${place}: names go up to ${highest}`, {
    hint: 'Remove the names there that are none of this server, which holdfast verify shows.',
  });
}
