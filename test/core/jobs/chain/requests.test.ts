/** What a restore from a long chain asks of the store: no more than one from a short chain. */

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Provider } from '../../../../src/core/contracts/provider.ts';
import { openChainLab } from './chain-lab.ts';

it('one file costs as many requests from the newest of thirty as from the first, everything not many more', async () => {
  await using chain = await openChainLab();
  for (let i = 0; i < 300; i++) chain.write(`d${i % 10}/${i}`, randomBytes(3000));
  const first = await chain.full();
  for (let night = 0; night < 30; night++) {
    for (let i = 0; i < 6; i++) chain.write(`d${i}/${(night * 7 + i * 31) % 300}`, randomBytes(3000));
    await chain.incremental();
  }
  const newest = await chain.lab.latest();
  const target = join(chain.directory, 'restored');
  const requests = async (snapshot: typeof first, options: object): Promise<number> => {
    let count = 0;
    const get: Provider['get'] = (request) => {
      count++;
      return chain.lab.provider.get(request);
    };
    const provider = new Proxy(chain.lab.provider, {
      get: (of, name) => (name === 'get' ? get : Reflect.get(of, name, of)),
    });
    await chain.lab.restore(target, { snapshot, provider, ...options });
    rmSync(target, { recursive: true });
    return count;
  };

  const one = { paths: [Buffer.from('shadow/d9/99')] };
  expect(await requests(newest, one)).toBeLessThanOrEqual((await requests(first, one)) + 1);
  // A page or two, the root, and each object once.
  const objects = newest.header.objects.length + newest.header.references.length;
  expect(await requests(newest, {})).toBeLessThanOrEqual(2 * objects);
});
