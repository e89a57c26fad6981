/** Compact again and again, each time with a budget: it comes to an end. */

import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { compactLab, pruneLab } from '../../../support/upkeep.ts';
import { openChainLab } from '../chain/chain-lab.ts';

it('does not promise the rest to a next run that has no more budget than this one', async () => {
  await using chain = await openChainLab({ chain: { cadence: 'forever' } });
  for (let i = 0; i < 20; i++) chain.write(`file${i}`, randomBytes(100_000));
  await chain.full();
  for (let i = 2; i < 20; i++) chain.write(`file${i}`, randomBytes(100_000));
  await chain.incremental();
  chain.write('file19', randomBytes(100_000));
  await chain.incremental();
  await pruneLab(chain.lab);

  // Two files of 100 KB are alive in the one sparse segment.
  const runs: string[] = [];
  for (let i = 0; i < 4; i++) {
    const { budgetSpent, accounts } = await compactLab(chain.lab, { maxBytes: 150_000 });
    runs.push(`${accounts.flatMap(({ published }) => published).length} published, more: ${budgetSpent}`);
  }
  expect(runs.at(-1)).toBe('0 published, more: false');
});
