/** A restore makes two names of one file again, so diff says where they are no longer one. */

import { execFileSync } from 'node:child_process';
import { linkSync, rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { diff } from '../../../../src/core/jobs/diff/diff.ts';
import { type ChainLab, openChainLab } from '../chain/chain-lab.ts';

const signal = new AbortController().signal;

/** But for the tree itself. */
async function changesOf({ lab }: ChainLab, before: Snapshot, after: Snapshot): Promise<string[]> {
  const changed: string[] = [];
  for await (const { path, aspects } of diff({ provider: lab.provider, before, after, signal }))
    if (`${path}` !== 'shadow') changed.push(`${path} ${aspects.join(' ')}`);
  return changed;
}

it('names that were one file and are two now, alike in all else, differ', async () => {
  await using chain = await openChainLab();
  chain.write('a', 'content');
  linkSync(chain.at('a'), chain.at('b'));
  const before = await chain.full();
  execFileSync('cp', ['-p', chain.at('a'), chain.at('c')]);
  execFileSync('mv', [chain.at('c'), chain.at('b')]);
  const after = await chain.full();

  expect(await changesOf(chain, before, after)).toEqual(['shadow/b links']);
});

it('a name less is no difference of those that are left', async () => {
  await using chain = await openChainLab();
  chain.write('a', 'content');
  for (const name of ['b', 'c']) linkSync(chain.at('a'), chain.at(name));
  const before = await chain.full();
  for (const name of ['b', 'c']) rmSync(chain.at(name));
  const alone = await chain.full();
  linkSync(chain.at('a'), chain.at('c'));
  const after = await chain.full();

  expect(await changesOf(chain, before, alone)).toEqual(['shadow/b ', 'shadow/c ']);
  expect(await changesOf(chain, before, after)).toEqual(['shadow/b ']);
});
