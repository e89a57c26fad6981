/** How often prune reads the events of earlier ones. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { explainedNumbers } from '../../../../src/core/jobs/prune/known-events.ts';
import type { PruneReport } from '../../../../src/core/jobs/prune/types.ts';
import {
  day,
  newStateDir,
  openProvider,
  putStoreFile,
  runPrune,
  start,
  worldOf,
} from '../../../support/run-prune.ts';
import {
  keysIn,
  ownerUuid,
  putSnapshot,
  server,
  signal,
  storeId,
} from '../../../support/synthetic-snapshots.ts';

const owner = ownerUuid(1);
const stateDir = newStateDir();

let nowMs: number;
let store: Store;
let reads: number;
let sequence: number;
let previous: string | undefined;

beforeEach(async () => {
  nowMs = start;
  sequence = 0;
  previous = undefined;
  const memory = memoryStore({ now: () => nowMs });
  const get: Store['get'] = (request) => {
    if (request.key.startsWith('events/')) reads += 1;
    return memory.get(request);
  };
  store = { ...memory, get };
  rmSync(join(stateDir, 'explained'), { recursive: true, force: true });
  await putStoreFile(store);
});

const world = worldOf(() => nowMs);
function run(): Promise<PruneReport> {
  reads = 0;
  return runPrune({ store, retention: { keepLast: 1 }, stateDir, world });
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

  const provider = await openProvider(store);
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
