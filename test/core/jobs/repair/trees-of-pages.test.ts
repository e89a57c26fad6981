/** Which trees are hit where a page of an index is lost. */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openIndex } from '../../../../src/core/jobs/index-reader.ts';
import { treesFrom } from '../../../../src/core/jobs/verify-pages.ts';
import { repairLab } from '../../../support/upkeep.ts';
import { openChainLab } from '../chain/chain-lab.ts';

const signal = new AbortController().signal;

it('a page of an index that is made again holds one tree, and a lost one takes every tree with it that it holds', async () => {
  await using chain = await openChainLab({ threads: 1 }, '/dev/shm');
  const info = join(chain.directory, 'info');
  mkdirSync(info);
  writeFileSync(join(info, 'i'), 'x');
  chain.write('a', 'y');
  const { snapshot } = await chain.lab.backUp({ shadow: chain.tree, info }, { level: 'full' });
  const index = snapshot.header.objects.find(({ kind }) => kind === 'index')!;
  rmSync(join(chain.lab.storePath, index.key));
  expect((await repairLab(chain.lab)).snapshots).toMatchObject([{ rebuilt: true }]);
  const { root } = await openIndex(chain.lab.provider, await chain.lab.latest(), signal);
  expect(root.pages.map(({ first }) => first.toString())).toEqual(['info', 'shadow']);
  const [page, next] = root.pages;
  expect(treesFrom(root, page!)).toEqual([]);
  expect(treesFrom({ ...root, pages: [page!] }, page!)).toEqual(['shadow']);
  expect(treesFrom({ ...root, pages: [page!, { ...next!, first: Buffer.from('shadow/b') }] }, page!)).toEqual(
    ['shadow'],
  );
});
