/** Prune over a store without room for the events that it writes. */

import { beforeEach, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { PutRequest, Store } from '../../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import type { PruneReport } from '../../../../src/core/jobs/prune/types.ts';
import { walk } from '../../../../src/core/jobs/walk.ts';
import { isProbePrefix } from '../../../../src/core/key-classes.ts';
import {
  day,
  hour,
  newStateDir,
  putStoreFile,
  runPrune,
  start,
  worldOf,
} from '../../../support/run-prune.ts';
import { keysIn, ownerUuid, put, putSnapshot, server, signal } from '../../../support/synthetic-snapshots.ts';

const owner = ownerUuid(1);
const orphan = (digit: string): string => `data/${server}/${owner}/${digit.repeat(32)}-00001.tar.zst`;
const stateDir = newStateDir();

let nowMs: number;
let store: Store;
let quota: number;
let storeAheadMs: number;

/** Four snapshots, and a store that holds `quota` bytes. */
beforeEach(async () => {
  nowMs = start;
  storeAheadMs = 0;
  quota = Number.POSITIVE_INFINITY;
  const memory = memoryStore({ now: () => nowMs + storeAheadMs });
  const refusing: Store['put'] = async (request) => {
    if ((await used(memory)) + (request.sizeBytes ?? 0) <= quota) return memory.put(request);
    throw new HoldfastError('STORE_FULL', `cannot write ${request.key}: ENOSPC`, { hint: 'Free space.' });
  };
  store = { ...memory, put: refusing };
  await putStoreFile(store, server);
  for (let sequence = 1; sequence <= 4; sequence++) {
    nowMs += day;
    await putSnapshot(store, { owner, sequence, atMs: nowMs });
  }
});

async function used(on: Store): Promise<number> {
  const all = await Array.fromAsync(walk(on, '', signal));
  return all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

const world = worldOf(() => nowMs);
const run = (on: Store = store): Promise<PruneReport> =>
  runPrune({ store: on, retention: { keepLast: 1 }, stateDir, world });

const kept = async () => (await keysIn(store)).filter((key) => !isProbePrefix(key));

it('removes first what nothing names where the clock can be asked and no event be written', async () => {
  await put(store, orphan('a'), 'x'.repeat(10_000));
  nowMs += 48 * hour;
  await put(store, orphan('b'), 'x');
  quota = (await used(store)) + 1;
  const { snapshots, removed, exitStatus } = await run();
  expect([snapshots.filter((one) => one.removed).length, exitStatus]).toEqual([3, 0]);
  // The object, and three snapshots with two objects each.
  expect(removed.count).toBe(1 + 3 * 3);
  expect(await kept()).toContain(orphan('b'));
  expect(await keysIn(store, `events/${server}/${owner}/`)).toHaveLength(1);
});

it('refuses where the clock of the store jumped back, as ever, and asks it by the room held back', async () => {
  nowMs += 48 * hour;
  await run();
  storeAheadMs = -960 * hour;
  // Of a backup under way on another machine.
  await put(store, orphan('a'), 'x');
  await putSnapshot(store, { owner, sequence: 5, atMs: nowMs });
  quota = await used(store);
  const { refusals, removed } = await run();

  expect([refusals.map(({ rule }) => rule), removed.count]).toEqual([['clock'], 0]);
  expect(await kept()).toContain(orphan('a'));
});

it('gives up the room that an earlier prune held back, and holds it back again', async () => {
  nowMs += 48 * hour;
  await run();
  await putSnapshot(store, { owner, sequence: 5, atMs: nowMs });
  quota = await used(store);
  const report = await run();

  expect(report.snapshots.map(({ removed }) => removed)).toEqual([true, false]);
  expect(await keysIn(store, `events/${server}/${owner}/`)).toHaveLength(2);
  expect(await used(store)).toBeGreaterThan(256 * 1024);
});

it('tells also of what went before the store was full', async () => {
  const other = ownerUuid(2);
  for (const sequence of [1, 2]) await putSnapshot(store, { owner: other, sequence, atMs: nowMs });
  nowMs += 48 * hour;
  await put(store, `events/${server}/_verify/prune/reserve`, 'x');
  let wasFull = false;
  const full: Store['put'] = async (request) => {
    if (wasFull || !request.key.startsWith(`events/${server}/${other}/`)) return store.put(request);
    wasFull = true;
    throw new HoldfastError('STORE_FULL', 'no room', { hint: 'Free space.' });
  };
  const { snapshots } = await run({ ...store, put: full });

  const told = snapshots.map((one) => [one.owner, one.snapshot.sequence, one.removed]);
  expect(told.slice(0, 3)).toEqual([1, 2, 3].map((sequence) => [owner, sequence, true]));
  expect(told.slice(3)).toEqual([
    [owner, 4, false],
    [other, 1, true],
    [other, 2, false],
  ]);
});

it('holds back nothing where that fails, and reports what it did', async () => {
  nowMs += 48 * hour;
  for (const method of ['head', 'put'] as const) {
    const inner = store[method] as (request: PutRequest) => Promise<never>;
    const failing = async (request: PutRequest): Promise<never> => {
      if (!request.key.endsWith('/reserve')) return inner(request);
      throw new HoldfastError('STORE_UNAVAILABLE', 'timed out', { hint: 'Try again.' });
    };
    expect((await run({ ...store, [method]: failing })).exitStatus).toBe(0);
  }
  expect(await keysIn(store, 'manifests/')).toHaveLength(1);
});

it('says what helps where not one byte can be put and none is held back, and removes nothing', async () => {
  await put(store, orphan('a'), 'x'.repeat(10_000));
  nowMs += 48 * hour;
  // By the time of this one the other is old; the clock of the store may have jumped back since.
  await put(store, orphan('b'), 'x');
  quota = await used(store);
  const before = await keysIn(store);

  await expect(run()).rejects.toMatchObject({
    code: 'STORE_FULL',
    hint: expect.stringContaining('a megabyte is enough'),
  });
  expect(await keysIn(store)).toEqual(before);
});
