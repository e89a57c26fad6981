/** The cadence of months beside prune: what was made counts, also where its snapshot went since. */

import { expect, it } from 'vitest';
import { cannedEngine, cannedSelector } from '../../../support/canned-engine.ts';
import { pruneLab } from '../../../support/upkeep.ts';
import { type ChainLab, openChainLab } from './chain-lab.ts';

/** One night of an account with a database; null: its dump breaks off. */
async function night({ lab, tree }: ChainLab, date: string, shop: string | null = ''): Promise<string> {
  const now = (): number => Date.parse(`${date}T03:00:00Z`);
  const engines = [cannedEngine({ shop })];
  const options = { now, level: 'auto', engines, databases: [cannedSelector] } as const;
  const { header } = (await lab.backUp({ shadow: tree }, options)).snapshot;
  return `${header.level} ${header.state}`;
}

it('a full of which one database failed for once is the full of its month, and prune makes no second one due', async () => {
  await using chain = await openChainLab({ chain: { cadence: 'monthly' } });
  chain.write('page', 'text');
  // The first Sundays of two months.
  expect(await night(chain, '2024-12-01')).toBe('full complete');
  expect(await night(chain, '2025-01-05', null)).toBe('full partial');
  expect(await night(chain, '2025-01-06')).toBe('incremental complete');
  const { refusals } = await pruneLab(chain.lab, { retention: { keepDaily: 7 } });
  expect(refusals).toEqual([]);

  expect(await night(chain, '2025-01-07')).toBe('incremental complete');
});

it('differentials are for Sundays, also where prune lets go of them within the week', async () => {
  await using chain = await openChainLab({ chain: { cadence: 'monthly' } });
  chain.write('page', 'text');
  const levels: string[] = [];
  // 1 and 8 December are Sundays.
  for (const day of ['01', '02', '08', '09', '10', '11', '12', '13', '14']) {
    levels.push(`${day} ${await night(chain, `2024-12-${day}`)}`);
    await pruneLab(chain.lab, { retention: { keepLast: 2 } });
  }

  expect(levels.filter((one) => one.includes('differential'))).toEqual(['08 differential complete']);
});
