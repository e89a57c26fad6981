/** Random chains with some hundred changes; `random-chains.long.test.ts` takes thousands of steps. */

import { describe, it } from 'vitest';
import { tryRandomChain } from './random-chain.ts';

describe('every snapshot of a random chain is what was there', () => {
  it.each([1, 2, 3, 4])('with seed %i', async (seed) => {
    await tryRandomChain(seed, 12);
  });

  it.each([7])('encrypted, with seed %i', async (seed) => {
    await tryRandomChain(seed, 8, true);
  });
});
