/** Tells damage that is news from damage that `repair` has dealt with. */

import type { Verified } from './verify-snapshot.ts';

/**
 * Without the damage that `repair` has dealt with. Of what a damaged object held, the snapshots that have lost some say
 * what it was, and the others that name it have all that they need: there is nothing left to do.
 */
export function withoutKnown(verified: readonly Verified[]): readonly Verified[] {
  const isUnhurt = ({ found, isRead }: Verified): boolean =>
    isRead === true && found.every(({ isDamage }) => isDamage);
  const marked = verified.filter((one) => one.snapshot.lost !== undefined && isUnhurt(one));
  const known = new Set(marked.flatMap(({ found }) => found.map(({ problem }) => problem.object)));
  return verified.map((one) =>
    isUnhurt(one) ? { ...one, found: one.found.filter(({ problem }) => !known.has(problem.object)) } : one,
  );
}
