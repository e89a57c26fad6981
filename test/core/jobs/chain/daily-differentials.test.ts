/** Differentials each night, of an account of which the same files change each day. */

import { expect, it } from 'vitest';
import { openChainLab } from './chain-lab.ts';

it('the first differential after a full changes no more than the account does each day', async () => {
  await using chain = await openChainLab();
  for (let i = 0; i < 300; i++) chain.write(`page${i}`, `page ${i}\n`);
  const found: string[] = [];
  for (let night = 0; night <= 22; night++) {
    for (let i = 0; i < 150; i++) chain.write(`session${i}`, `night ${night}, visitor ${i}\n`);
    const level = night === 0 || night === 21 ? 'full' : 'differential';
    const { snapshot } = await chain.lab.backUp({ shadow: chain.tree }, { level });
    for (const { message } of snapshot.body.findings ?? []) found.push(`night ${night}: ${message}`);
  }

  expect(found).toEqual([]);
});
