/** What diff says of databases: where a restore puts them, and nothing of what nobody knows. */

import { expect, it } from 'vitest';
import type { DatabaseEngine } from '../../../../src/core/contracts/database.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { diff } from '../../../../src/core/jobs/diff/diff.ts';
import { cannedEngine, cannedSelector } from '../../../support/canned-engine.ts';
import { type ChainLab, openChainLab } from '../chain/chain-lab.ts';

const signal = new AbortController().signal;
const two = cannedEngine({ blog: 'INSERT 1;\n', shop: 'INSERT 2;\n' });

const withEngine = (chain: ChainLab, engine: DatabaseEngine): Promise<Snapshot> =>
  chain.full({ engines: [engine], databases: [cannedSelector] });

async function lines({ lab }: ChainLab, before: Snapshot, after: Snapshot): Promise<string[]> {
  const found: string[] = [];
  for await (const { change, path } of diff({ provider: lab.provider, before, after, signal }))
    found.push(`${change} ${path}`);
  return found;
}

it('names an export as a restore does, dots and all', async () => {
  await using chain = await openChainLab();
  const before = await withEngine(chain, cannedEngine({}));
  const after = await withEngine(chain, cannedEngine({ 'shop.old': 'INSERT 1;\n' }));

  expect(await lines(chain, before, after)).toEqual(['added databases/canned/shop%2Eold.sql']);
});

it('says nothing of databases whose server did not even tell their names', async () => {
  await using chain = await openChainLab();
  const before = await withEngine(chain, two);
  const discover = async (): Promise<never> => {
    throw new HoldfastError('EXPORT_FAILED', 'the server does not answer');
  };
  const silent = await withEngine(chain, { ...two, discover });
  expect(silent.body.components.filter(({ state }) => state === 'failed')).toMatchObject([
    { databases: ['_unknown'] },
  ]);

  expect(await lines(chain, before, silent)).toEqual([]);
  expect(await lines(chain, silent, before)).toEqual([]);
});

it('says nothing of databases whose joint export broke off', async () => {
  await using chain = await openChainLab();
  const before = await withEngine(chain, two);
  const broken = cannedEngine({ blog: null, shop: null });
  const joint = await withEngine(chain, {
    ...broken,
    exports: async (request) => {
      const set = await broken.exports(request);
      return { ...set, exports: [{ ...set.exports[0]!, databases: ['blog', 'shop'] }] };
    },
  });
  expect(joint.header.state).toBe('partial');

  expect(await lines(chain, before, joint)).toEqual([]);
});

it('takes no database for gone that is in a joint export now', async () => {
  await using chain = await openChainLab();
  const before = await withEngine(chain, two);
  const joint = await withEngine(chain, {
    ...two,
    exports: async (request) => {
      const set = await two.exports(request);
      return { ...set, consistency: 'joint', exports: [{ ...set.exports[0]!, databases: ['blog', 'shop'] }] };
    },
  });

  expect((await lines(chain, before, joint)).filter((line) => line.startsWith('removed'))).toEqual([]);
});

it('names a database that left a joint export, and one that joined it', async () => {
  await using chain = await openChainLab();
  const joint = (...names: readonly [string, ...string[]]): Promise<Snapshot> =>
    withEngine(chain, {
      ...two,
      exports: async (request) => {
        const set = await two.exports(request);
        const export_ = { ...set.exports[0]!, databases: names };
        return { ...set, consistency: 'joint', exports: [export_] };
      },
    });
  const before = await joint('blog', 'shop');
  const after = await joint('blog', 'wiki');

  const found = await lines(chain, before, after);
  expect(found).toContain('removed databases/canned/shop.sql');
  expect(found).toContain('added databases/canned/wiki.sql');
});
