/** A hash over ranges and a hash over bytes are of two kinds, though both are SHA-256 of files of one size. */

import { closeSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openChainLab } from './chain-lab.ts';

const block = 4096;
const size = block + 16;
const data = Buffer.alloc(block, 'what the sparse file holds ');

/** A file of one block of data and a hole, and another one whose bytes are what is hashed of the first. */
const sparse = (path: string): void => {
  const fd = openSync(path, 'w');
  writeSync(fd, data);
  closeSync(fd);
  truncateSync(path, size);
  expect(statSync(path).blocks * 512).toBeLessThan(size);
};
const imitation = (): Buffer => {
  const place = Buffer.alloc(16);
  place.writeBigUInt64LE(BigInt(block), 8);
  return Buffer.concat([place, data]);
};

describe('content that is looked up by its hash', () => {
  it('of a plain file is not that of a sparse one that hashes the same bytes', async () => {
    await using chain = await openChainLab();
    sparse(chain.at('sparse'));
    await chain.full();
    chain.write('plain', imitation());
    const snapshot = await chain.incremental();

    const [one, other] = [await chain.entry(snapshot, 'sparse'), await chain.entry(snapshot, 'plain')];
    expect(one!.content!.sha256).toEqual(other!.content!.sha256);
    await chain.expectRestorable();
  });

  it('of a sparse file is not that of a plain one', async () => {
    await using chain = await openChainLab();
    chain.write('plain', imitation());
    await chain.full();
    sparse(chain.at('sparse'));
    await chain.incremental();
    await chain.expectRestorable();
  });
});
