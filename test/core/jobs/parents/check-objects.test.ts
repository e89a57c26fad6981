/** Whether all that a snapshot refers to is there: asked one by one, or listed where that is a lot. */

import { expect, it } from 'vitest';
import type { ObjectRef } from '../../../../src/core/archive/manifest.ts';
import { memoryStore } from '../../../../src/core/conformance/index.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { checkObjects } from '../../../../src/core/jobs/parents/check-objects.ts';
import { bytesOf } from '../../../../src/core/streams.ts';
import { hookedStore } from '../../../support/hooked-store.ts';

const { signal } = new AbortController();

/** `count` segments of 4 bytes and one index. */
async function filled(count: number): Promise<{ store: Store; snapshot: Snapshot; keys: readonly string[] }> {
  const store = memoryStore({ now: Date.now });
  const keys = [
    'index/server/owner/root',
    ...Array.from({ length: count }, (_, n) => `data/server/owner/${n}`),
  ];
  for (const key of keys) await store.put({ key, body: bytesOf(Buffer.from('1234')), signal });
  const references = keys.map(
    (key, number): ObjectRef => ({ number, key, kind: 'segment', size: 4, sha256: '' }),
  );
  const header = { objects: references.slice(0, 1), references: references.slice(1) };
  return { store, keys, snapshot: { header } as unknown as Snapshot };
}

it.each([3, 1500])('of %i segments misses one that is gone, and one that was cut short', async (count) => {
  const { store, snapshot, keys } = await filled(count);
  await checkObjects(store, snapshot, signal);
  await store.remove({ key: keys[2]!, signal });
  await expect(checkObjects(store, snapshot, signal)).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  await store.put({ key: keys[2]!, body: bytesOf(Buffer.from('123')), signal });
  await expect(checkObjects(store, snapshot, signal)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
});

it('takes no request for each of very many', async () => {
  const { store, snapshot } = await filled(1500);
  const asked: string[] = [];
  await checkObjects(hookedStore(store, { beforeHead: (key) => void asked.push(key) }), snapshot, signal);
  expect(asked).toEqual(['index/server/owner/root']);
});
