/**
 * A store that refuses a segment costs the account under way, and nothing else: the worker that filled the
 * segment goes on with the next account.
 */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ByteQueue } from '../../../../src/core/byte-queue.ts';
import type { Provider, ProviderPut } from '../../../../src/core/contracts/provider.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { SnapshotWriter } from '../../../../src/core/jobs/backup/snapshot-writer.ts';
import { CapturePool } from '../../../../src/core/jobs/capture/pool.ts';

let tree = '';
beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'holdfast-refusing-'));
  // More than a worker may have under way, and not to be compressed.
  for (let i = 0; i < 40; i++) writeFileSync(join(tree, `file-${i}`), randomBytes(1_000_000));
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

function providerOf(put: (request: ProviderPut) => Promise<void>): Provider {
  return {
    name: 'test',
    capabilities: { levels: ['full'] },
    plan: () => Promise.reject(new Error('not asked for')),
    get: () => {
      throw new Error('not asked for');
    },
    async put(request) {
      await put(request);
      return { sizeBytes: 0, version: null, storedAtMs: null };
    },
  };
}

async function capture(pool: CapturePool, provider: Provider): Promise<void> {
  const never = new AbortController().signal;
  const writer = new SnapshotWriter({ server: 's', owner: 'o', objectId: 'f'.repeat(32) }, provider, never);
  const trees = [{ name: 'shadow', path: tree, device: 0, exclude: [] }];
  await pool.capture(
    { trees, parent: null, firstNumber: 0, signal: writer.signal },
    {
      segment: (number, body) => writer.start('segment', writer.segmentKey(number), body),
      progress: () => {},
      segmentDone: () => {},
      page: () => {},
      reuse: () => {},
      reuseLinks: () => {},
      noted: () => {},
      linkPage: () => {},
      warning: () => {},
    },
  );
  await writer.settled();
}

const refused = (): HoldfastError => new HoldfastError('STORE_FULL', 'no space left');
const taking = providerOf(async ({ body }) => {
  for await (const _ of body);
});
const refusing = {
  'before it asks for the first byte': providerOf(() => Promise.reject(refused())),
  'in the middle of a segment': providerOf(async ({ body }) => {
    for await (const _ of body) throw refused();
  }),
};

describe('a store that refuses segments', () => {
  for (const [when, provider] of Object.entries(refusing)) {
    it(`does not keep the workers from other accounts: ${when}`, async () => {
      const pool = new CapturePool({ threads: 1, now: Date.now });
      for (let account = 0; account < 8; account++) {
        await expect(capture(pool, provider)).rejects.toThrow();
      }
      await capture(pool, taking);
      await pool.close();
    });
  }
});

describe('a queue of bytes', () => {
  it('counts every piece once, also those that nobody takes', async () => {
    let taken = 0;
    const queue = new ByteQueue((piece) => {
      taken += piece.length;
    });
    for (let i = 0; i < 3; i++) queue.push(Buffer.alloc(10));
    for await (const _ of queue) break;
    queue.push(Buffer.alloc(10));
    queue.abandon();
    expect(taken).toBe(40);

    const unread = new ByteQueue((piece) => {
      taken += piece.length;
    });
    unread.push(Buffer.alloc(5));
    unread.fail(refused());
    expect(taken).toBe(45);
  });
});
