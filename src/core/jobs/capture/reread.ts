/**
 * Which unchanged files are read again in a run: a share of them, another one in each, so that all have their turn.
 *
 * It follows from the inode's number alone, which a walk has at hand for each.
 */

import type { CaptureParent } from './messages.ts';

/** An odd number near 2^32 divided by the golden ratio: numbers given in a row, or in steps, come to all turns alike. */
const spread = 0x9e3779b1;

/** @param inodeLow the lower 32 bits of its number */
export function isInodeDue(inodeLow: number, { rereadEvery, turn }: CaptureParent): boolean {
  const product = Math.imul(inodeLow, spread);
  // The lowest bits follow from the lowest ones of the number alone.
  return ((product ^ (product >>> 15)) >>> 1) % rereadEvery === turn % rereadEvery;
}
