import { deepEqual } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { HistoryItem, Store } from 'holdfast';
import { memoryStore, providerChecks } from 'holdfast/conformance';
import definition from '../src/index.ts';

const { signal } = new AbortController();
const open = (store: Store, fullEvery = 3) =>
  definition.open({ store, settings: { use: '{{name}}', fullEvery } });

describe('the provider {{name}} keeps the provider contract: it', () => {
  for (const check of providerChecks) {
    it(check.name, async (test) => {
      const store = memoryStore();
      const provider = await open(store);
      if (check.when?.(provider.capabilities) === false) return test.skip('not claimed');
      const context = {
        prefix: 'checks/',
        signal,
        randomBytes: (length: number) => randomBytes(length),
        store,
        open,
      };
      await check.run(provider, context);
    });
  }
});

describe('the plan', () => {
  it('is a full for every third snapshot', async () => {
    const provider = await open(memoryStore());
    const levels: string[] = [];
    const history: HistoryItem[] = [];
    for (let sequence = 1; sequence <= 7; sequence += 1) {
      const { level } = await provider.plan({ owner: 'o', requested: 'auto', history, nowMs: 0, signal });
      levels.push(level.slice(0, 1));
      const id = sequence.toString(16).padStart(12, '0');
      history.push({ sequence, id, atMs: 0, level, state: 'complete', manifestKey: `manifests/${id}` });
    }
    deepEqual(levels.join(' '), 'f i i f i i f');
  });
});
