/** A damaged segment does not use up the budget of every run, so that the others never have their turn. */

import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compactLab, pruneLab } from '../../../support/upkeep.ts';
import { openChainLab } from '../chain/chain-lab.ts';

it('goes on with the others in a later run', async () => {
  await using chain = await openChainLab({ chain: { cadence: 'forever' } });
  const fill = (from: number, to: number): void => {
    for (let i = from; i < to; i++) chain.write(`file${i}`, randomBytes(100_000));
  };
  fill(0, 20);
  const first = await chain.full();
  fill(1, 12);
  await chain.incremental();
  // Of the first segment file0 is left, of the second file1.
  fill(2, 20);
  await chain.incremental();
  fill(19, 20);
  await chain.incremental();
  await pruneLab(chain.lab);
  const segment = first.header.objects.find(({ kind }) => kind === 'segment')!;
  const path = join(chain.lab.storePath, segment.key);
  const bytes = readFileSync(path);
  bytes.fill(0, 40_000, 60_000);
  writeFileSync(path, bytes);

  const published: string[] = [];
  for (let i = 0; i < 3; i++) {
    const { accounts } = await compactLab(chain.lab, { maxBytes: 150_000 });
    published.push(...accounts.flatMap((one) => one.published));
    expect(accounts[0]).toMatchObject({ stuck: [{ key: segment.key }] });
    expect(accounts.flatMap(({ objects }) => objects.map(({ key }) => key))).not.toContain(segment.key);
  }
  expect(published).not.toEqual([]);
});
