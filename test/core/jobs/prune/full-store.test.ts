/** Prune over a store without room for the events that it writes. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import { storeFileKey } from '../../../../src/core/archive/keys.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { prune } from '../../../../src/core/jobs/prune/prune.ts';
import type { PruneReport } from '../../../../src/core/jobs/prune/types.ts';
import { walk } from '../../../../src/core/jobs/walk.ts';
import { isProbePrefix } from '../../../../src/core/key-classes.ts';
import {
  addin,
  keysIn,
  ownerUuid,
  put,
  putSnapshot,
  server,
  signal,
} from '../../../support/synthetic-snapshots.ts';

const hour = 3_600_000;
const start = Date.UTC(2026, 10, 21, 3, 15);
const owner = ownerUuid(1);
const orphan = (digit: string): string => `data/${server}/${owner}/${digit.repeat(32)}-00001.tar.zst`;
const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-full-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

let nowMs: number;
let store: Store;
let quota: number;

/** Four snapshots, and a store that holds `quota` bytes. */
beforeEach(async () => {
  nowMs = start;
  quota = Number.POSITIVE_INFINITY;
  const memory = memoryStore({ now: () => nowMs });
  const refusing: Store['put'] = async (request) => {
    if ((await used(memory)) + (request.sizeBytes ?? 0) <= quota) return memory.put(request);
    throw new HoldfastError('STORE_FULL', `cannot write ${request.key}: ENOSPC`, { hint: 'Free space.' });
  };
  store = { ...memory, put: refusing };
  await put(store, storeFileKey, JSON.stringify({ format: 1, store: server, features: [], createdAt: '' }));
  for (let sequence = 1; sequence <= 4; sequence++) {
    nowMs += 24 * hour;
    await putSnapshot(store, { owner, sequence, atMs: nowMs });
  }
});

async function used(on: Store): Promise<number> {
  const all = await Array.fromAsync(walk(on, '', signal));
  return all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

let ids = 0;
async function run(): Promise<PruneReport> {
  const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
  const newObjectId = () => String(++ids).padStart(12, '0').padEnd(32, '0');
  return prune({
    ...{ store, provider, server, addin, owners: null, retention: { keepLast: 1 }, apply: true, stateDir },
    ...{ world: { now: () => nowMs, newObjectId }, signal, onEvent: () => {} },
  });
}

const kept = async () => (await keysIn(store)).filter((key) => !isProbePrefix(key));

it('removes first what nothing names and the store has had for a day longer than its newest object', async () => {
  await put(store, orphan('a'), 'x'.repeat(10_000));
  nowMs += 23 * hour;
  await put(store, orphan('b'), 'x'.repeat(10_000));
  quota = await used(store);
  // By our clock the first is two days old, and for all that the store tells an hour younger than its newest may be.
  nowMs += 25 * hour;
  await expect(run()).rejects.toMatchObject({ code: 'STORE_FULL' });
  expect(await kept()).toContain(orphan('a'));

  quota = Number.POSITIVE_INFINITY;
  await put(store, orphan('c'), 'x');
  quota = await used(store);
  const { snapshots, removed, exitStatus } = await run();
  expect([snapshots.filter((one) => one.removed).length, exitStatus]).toEqual([3, 0]);
  // Both objects, and three snapshots with two objects each.
  expect(removed.count).toBe(2 + 3 * 3);
  expect(await kept()).toContain(orphan('c'));
  expect(await keysIn(store, `events/${server}/${owner}/`)).toHaveLength(1);
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

it('says what helps where nothing may go without an event, and removes nothing', async () => {
  nowMs += 48 * hour;
  quota = await used(store);
  const before = await keysIn(store);

  await expect(run()).rejects.toMatchObject({
    code: 'STORE_FULL',
    hint: expect.stringContaining('a megabyte is enough'),
  });
  expect(await keysIn(store)).toEqual(before);
});
