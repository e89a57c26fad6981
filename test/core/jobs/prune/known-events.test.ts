/** How often prune reads the events of earlier ones. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import { storeFileKey } from '../../../../src/core/archive/keys.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { explainedNumbers } from '../../../../src/core/jobs/prune/known-events.ts';
import { prune } from '../../../../src/core/jobs/prune/prune.ts';
import type { PruneReport } from '../../../../src/core/jobs/prune/types.ts';
import {
  addin,
  keysIn,
  ownerUuid,
  put,
  putSnapshot,
  server,
  signal,
} from '../../../support/synthetic-snapshots.ts';

const day = 24 * 3_600_000;
const owner = ownerUuid(1);
const storeId = '33333333-3333-4333-8333-333333333333';
const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-known-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

let nowMs: number;
let store: Store;
let reads: number;
let sequence: number;
let previous: string | undefined;

beforeEach(async () => {
  nowMs = Date.UTC(2026, 10, 21, 3, 15);
  sequence = 0;
  previous = undefined;
  const memory = memoryStore({ now: () => nowMs });
  const get: Store['get'] = (request) => {
    if (request.key.startsWith('events/')) reads += 1;
    return memory.get(request);
  };
  store = { ...memory, get };
  rmSync(join(stateDir, 'explained'), { recursive: true, force: true });
  await put(store, storeFileKey, JSON.stringify({ format: 1, store: storeId, features: [], createdAt: '' }));
});

let ids = 0;
async function run(): Promise<PruneReport> {
  reads = 0;
  const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
  const newObjectId = () => String(++ids).padStart(12, '0').padEnd(32, '0');
  return prune({
    ...{ store, provider, server, addin, owners: null, retention: { keepLast: 1 }, apply: true, stateDir },
    ...{ world: { now: () => nowMs, newObjectId }, signal, onEvent: () => {} },
  });
}

/** A backup and a prune each, and how many events each prune read. */
async function nights(count: number): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i++) {
    nowMs += day;
    sequence += 1;
    const before = previous === undefined ? {} : { previous };
    const { manifest } = await putSnapshot(store, { owner, sequence, atMs: nowMs, ...before });
    previous = manifest.header.digest;
    expect(await run()).toMatchObject({ refusals: [], exitStatus: 0 });
    all.push(reads);
  }
  return all;
}

it('each event is read once, however many there are', async () => {
  expect(await nights(7)).toEqual([0, 0, 1, 1, 1, 1, 1]);
});

it('all are read once more where the state is lost, or the trust is another', async () => {
  await nights(5);
  rmSync(join(stateDir, 'explained'), { recursive: true });
  await run();
  expect(reads).toBe(4);
  await run();
  expect(reads).toBe(0);

  const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
  const asked = { store, provider, stateDir, signal };
  const place = { server, owner, storeId };
  expect((await explainedNumbers(asked, place)).missing.map((one) => one.sequence)).toEqual([1, 2, 3, 4]);
  expect(reads).toBe(0);
  // Nobody has signed them.
  const trust = { keys: new Set(['a'.repeat(64)]) };
  expect(await explainedNumbers({ ...asked, trust }, place)).toMatchObject({
    missing: [],
    distrusted: { length: 4 },
  });
});

it('what an event explained is missing again once that is gone', async () => {
  await nights(5);
  await run();
  const [, second] = await keysIn(store, `events/${server}/${owner}/`);
  await store.remove({ key: second!, signal });

  expect((await run()).refusals).toMatchObject([
    { rule: 'gap', message: expect.stringContaining('snapshot 2 of its sequence is missing') },
  ]);
});

it('several accounts are looked at at once, and told of in the order of their keys', async () => {
  for (const [i, number] of [4, 3, 2, 1].entries()) {
    nowMs += i;
    await putSnapshot(store, { owner: ownerUuid(number), sequence: 1, atMs: nowMs });
  }
  let [waiting, most] = [0, 0];
  const { get } = store;
  const slow: Store['get'] = async function* (request) {
    waiting += 1;
    most = Math.max(most, waiting);
    // The first accounts take longest.
    const number = Number(request.key.split('/')[2]?.slice(-1));
    for (let i = 0; i < 50 - 10 * number; i++) await new Promise(setImmediate);
    waiting -= 1;
    yield* get(request);
  };
  store = { ...store, get: slow };
  const { snapshots } = await run();

  expect(most).toBe(4);
  expect(snapshots.map((one) => one.owner)).toEqual([1, 2, 3, 4].map(ownerUuid));
});
