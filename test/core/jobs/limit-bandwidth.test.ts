import { expect, it } from 'vitest';
import { memoryStore } from '../../../src/core/conformance/memory-store.ts';
import { bandwidthLimit } from '../../../src/core/jobs/limit-bandwidth.ts';
import { bytesOf, collect } from '../../../src/core/streams.ts';

it('lets stores of one limit move no more together, and changes no byte', async () => {
  const { signal } = new AbortController();
  const limit = bandwidthLimit(1_000_000);
  const [one, other] = [limit(memoryStore()), limit(memoryStore())];
  const body = Buffer.alloc(600_000, 'holdfast');
  const startedAt = performance.now();
  await Promise.all([one, other].map((store) => store.put({ key: 'a/b', body: bytesOf(body), signal })));
  const back = await collect(one.get({ key: 'a/b', signal }), body.length);
  const tookMs = performance.now() - startedAt;

  expect(Buffer.from(back).equals(body)).toBe(true);
  // 1.8 MB, of which the first million may pass at once.
  expect(tookMs).toBeGreaterThan(700);
  expect((await one.head({ key: 'a/b', signal }))?.sizeBytes).toBe(body.length);
  expect(one.name).toBe(memoryStore().name);
  await one.close();
  await other.close();
});
