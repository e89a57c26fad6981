import { expect, it } from 'vitest';
import { memoryStore } from '../../../src/core/conformance/index.ts';
import type { Store } from '../../../src/core/index.ts';
import { ownersAmong } from '../../../src/core/jobs/owners-among.ts';
import { ownerUuid, putSnapshot, server } from '../../support/synthetic-snapshots.ts';

const { signal } = new AbortController();
const pageLength = 4;

/** With the number of its answers. */
async function storeOf(owners: readonly number[], each: number): Promise<Store & { pages: number }> {
  const store = memoryStore({ now: Date.now });
  for (const number of owners) {
    for (let sequence = 1; sequence <= each; sequence++) {
      await putSnapshot(store, {
        owner: ownerUuid(number),
        sequence,
        atMs: Date.UTC(2026, 10, sequence),
        level: 'full',
      });
    }
  }
  return Object.assign(Object.create(store) as Store, {
    pages: 0,
    list(this: { pages: number }, request: Parameters<Store['list']>[0]) {
      this.pages += 1;
      return store.list({ ...request, limit: pageLength });
    },
  });
}

it('finds the owners that have snapshots, with fewer requests than a listing and than owners', async () => {
  const store = await storeOf([1, 2, 3, 5, 8, 9], 10);
  const few = await ownersAmong(store, server, [9, 4, 1].map(ownerUuid), signal);
  expect(few).toEqual([1, 9].map(ownerUuid));
  expect(store.pages).toBe(3);

  store.pages = 0;
  const many = Array.from({ length: 20 }, (_, index) => ownerUuid(index));
  expect(await ownersAmong(store, server, many, signal)).toEqual([1, 2, 3, 5, 8, 9].map(ownerUuid));
  expect(store.pages).toBeLessThanOrEqual(60 / pageLength);
  expect(await ownersAmong(store, ownerUuid(77), many, signal)).toEqual([]);
});
