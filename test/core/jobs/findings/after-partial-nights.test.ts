/** A week in which a database fails does not hide that the account was wiped at its end. */

import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { cannedEngine, cannedSelector } from '../../../support/canned-engine.ts';
import { openChainLab } from '../chain/chain-lab.ts';

it('a size is compared with the last good ones, however many partial ones came since', async () => {
  await using chain = await openChainLab();
  for (let i = 0; i < 80; i++) chain.write(`mail/${i}`, `letter ${i}`);
  const night = (shop: string | null) =>
    chain.incremental({ engines: [cannedEngine({ shop })], databases: [cannedSelector] });
  for (let i = 0; i < 7; i++) await night('INSERT 1;\n');
  for (let i = 0; i < 7; i++) await night(null);
  rmSync(chain.at('mail'), { recursive: true });

  const { body } = await night('INSERT 1;\n');
  expect(body.findings?.map(({ code }) => code)).toEqual(['shrunk']);
});
