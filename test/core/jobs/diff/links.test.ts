/** A restore makes two names of one file again, so diff says where they are no longer one. */

import { execFileSync } from 'node:child_process';
import { linkSync } from 'node:fs';
import { expect, it } from 'vitest';
import { diff } from '../../../../src/core/jobs/diff/diff.ts';
import { openChainLab } from '../chain/chain-lab.ts';

it('names that were one file and are two now, alike in all else, differ', async () => {
  await using chain = await openChainLab();
  chain.write('a', 'content');
  linkSync(chain.at('a'), chain.at('b'));
  const before = await chain.full();
  execFileSync('cp', ['-p', chain.at('a'), chain.at('c')]);
  execFileSync('mv', [chain.at('c'), chain.at('b')]);
  const after = await chain.full();

  const signal = new AbortController().signal;
  const changed: string[] = [];
  for await (const { path } of diff({ provider: chain.lab.provider, before, after, signal }))
    if (`${path}` !== 'shadow') changed.push(`${path}`);
  expect(changed).not.toEqual([]);
});
