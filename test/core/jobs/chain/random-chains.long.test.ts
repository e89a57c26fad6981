/** Four thousand steps in random chains; a seed that fails once fails always. */

import { describe, it } from 'vitest';
import { tryRandomChain } from './random-chain.ts';

describe('every snapshot of a random chain is what was there', () => {
  it.each(Array.from({ length: 150 }, (_, i) => i + 100))('with seed %i', async (seed) => {
    await tryRandomChain(seed, 20);
  });

  it.each(Array.from({ length: 50 }, (_, i) => i + 300))('encrypted, with seed %i', async (seed) => {
    await tryRandomChain(seed, 20, true);
  });
});
