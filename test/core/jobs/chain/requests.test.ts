/** What a restore from a long chain asks of the store: no more than one from a short chain. */

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Provider } from '../../../../src/core/contracts/provider.ts';
import { listSnapshots, type Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { findSnapshot } from '../../../../src/core/jobs/find-snapshot.ts';
import { openChainLab } from './chain-lab.ts';

const { signal } = new AbortController();

it('one file costs as many requests from the newest of thirty as from the first, everything not many more', async () => {
  await using chain = await openChainLab();
  for (let i = 0; i < 300; i++) chain.write(`d${i % 10}/${i}`, randomBytes(3000));
  // Minutes apart: of snapshots of one second all are read.
  let nowMs = Date.now();
  const first = await chain.full({ now: () => nowMs });
  for (let night = 0; night < 30; night++) {
    for (let i = 0; i < 6; i++) chain.write(`d${i}/${(night * 7 + i * 31) % 300}`, randomBytes(3000));
    nowMs += 60_000;
    await chain.incremental({ now: () => nowMs });
  }
  const newest = await chain.lab.latest();
  const target = join(chain.directory, 'restored');
  /** What is read for a restore of the snapshot, or of the latest: classes of objects in the order of requests. */
  const requests = async (snapshot: Snapshot | 'latest', options: object): Promise<string[]> => {
    const read: string[] = [];
    const get: Provider['get'] = (request) => {
      read.push(request.key.split('/')[0]!);
      return chain.lab.provider.get(request);
    };
    const provider = new Proxy(chain.lab.provider, {
      get: (of, name) => (name === 'get' ? get : Reflect.get(of, name, of)),
    });
    const found =
      snapshot === 'latest'
        ? await findSnapshot(provider, await listSnapshots(chain.lab.store, {}, signal), 'latest', signal)
        : snapshot;
    await chain.lab.restore(target, { snapshot: found, provider, ...options });
    rmSync(target, { recursive: true });
    return read;
  };

  const one = { paths: [Buffer.from('shadow/d9/99')] };
  // Root and page of the index; of thirty-one manifests the one that counts.
  expect(await requests(first, one)).toEqual(['index', 'index', 'data']);
  expect(await requests('latest', one)).toEqual(['manifests', 'index', 'index', 'data']);
  // A page or two, the root, and each object once.
  const objects = newest.header.objects.length + newest.header.references.length;
  expect((await requests(newest, {})).length).toBeLessThanOrEqual(2 * objects);
});
