import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/index.ts';
import { removeStaleTrials } from '../../../../src/core/jobs/verify-store/stale-trials.ts';

const { signal } = new AbortController();
const parent = 'data/server/_verify/';

describe('removeStaleTrials', () => {
  it('removes what is more than a day old by its name, and nothing else', async () => {
    const store = memoryStore();
    const kept = [
      'data/server/_verify-not/20200101T000000Z-00/x',
      `${parent}00000000-0000-4000-9000-000000000001/x`,
      `${parent}20261121T020000Z-aa/x`,
      'data/server/owner/x',
    ];
    const stale = [
      `${parent}20261119T020000Z-aa/x`,
      `${parent}20261119T020000Z-aa/y/z`,
      `${parent}20261120T015959Z-b/x`,
    ];
    for (const key of [...kept, ...stale]) await store.put({ key, body: (async function* () {})(), signal });
    const nowMs = Date.parse('2026-11-21T02:00:00Z');
    const removed = await removeStaleTrials(store, { parent, nowMs, signal }, null);

    expect(removed).toEqual(['20261119T020000Z-aa/', '20261120T015959Z-b/']);
    expect((await store.list({ prefix: '', signal })).objects.map(({ key }) => key)).toEqual(kept.sort());
  });
});
