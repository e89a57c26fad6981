/** An incremental of a few files, each larger than half a segment, that ends early: the next run knows those that were stored. */

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { expect, it } from 'vitest';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { ahead, openLab } from '../../../support/backup.ts';
import { hookedStore } from '../../../support/hooked-store.ts';
import { type ChainLab, newTarBytes, openChainLab } from './chain-lab.ts';

const sizeBytes = 300 * 2 ** 20;

/** Without holes, and unlike any other. */
function writeLarge(chain: ChainLab, name: string): void {
  const fd = openSync(chain.at(name), 'w');
  writeSync(fd, randomBytes(4096));
  const zeros = Buffer.alloc(2 ** 20);
  for (let at = 4096; at < sizeBytes; at += zeros.length) writeSync(fd, zeros, 0, zeros.length, at);
  closeSync(fd);
}

it('refers to the segments that are whole, although no page of the index was', async () => {
  await using chain = await openChainLab();
  chain.write('a', 'content');
  await chain.full();
  for (const name of ['b', 'c', 'd']) writeLarge(chain, name);
  const begun: string[] = [];
  const store = hookedStore(chain.lab.store, {
    beforePut(key) {
      if (/^data\//.test(key)) begun.push(key);
      if (begun.length === 3) throw new HoldfastError('STORE_UNAVAILABLE', 'no answer');
    },
  });
  const lab = await openLab(chain.directory, { chain: {}, store, now: ahead, threads: 1 });
  await expect(lab.backUp({ shadow: chain.tree }, { level: 'incremental' })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  });
  const next = await chain.incremental();

  const taken = next.header.objects.filter(({ key }) => !key.includes(next.header.objectId));
  expect(taken.map(({ key }) => key)).toEqual(begun.slice(0, 2));
  expect(newTarBytes(next)).toBeLessThan(1.1 * sizeBytes);
  await chain.expectRestorable(next);
});
