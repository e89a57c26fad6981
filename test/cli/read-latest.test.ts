import { expect, it } from 'vitest';
import { readLatest } from '../../src/cli/read-latest.ts';
import { memoryStore } from '../../src/core/conformance/memory-store.ts';
import { listSnapshots } from '../../src/core/jobs/catalog.ts';
import { openProvider } from '../support/run-prune.ts';
import { ownerUuid, put, putSnapshot, signal } from '../support/synthetic-snapshots.ts';

it('what is damaged or not trusted hides no good snapshot among the newest, and is shown with it', async () => {
  const store = memoryStore();
  const made = new Map<string, string>();
  const add = async (owner: number, sequence: number): Promise<string> => {
    const { key } = await putSnapshot(store, { owner: ownerUuid(owner), sequence, atMs: sequence * 1000 });
    made.set(key, `${owner}.${sequence}`);
    return key;
  };
  // Of the first account 4 and 6 are damaged and 5 is a stranger's; of the second nobody is trusted; of the third none is whole.
  for (let sequence = 1; sequence <= 6; sequence++) await add(1, sequence);
  for (let sequence = 1; sequence <= 3; sequence++) await add(2, sequence);
  const damaged = [await add(3, 1), await add(3, 2)];
  for (const [key, name] of made) if (name === '1.4' || name === '1.6') damaged.push(key);
  for (const key of damaged) await put(store, key, 'junk');
  const strangers = ['1.5', '2.1', '2.2', '2.3'];
  const reading = { provider: await openProvider(store), signal };
  const listed = await listSnapshots(store, {}, signal);
  const latest = async (most: number): Promise<(string | undefined)[]> => {
    const results = await readLatest(reading, listed, most, ({ key }) => !strangers.includes(made.get(key)!));
    return results.map((one) => made.get(one.listed.key));
  };

  expect(await latest(1)).toEqual(['1.3', '1.4', '1.5', '1.6', '2.3', '3.2']);
  expect(await latest(2)).toEqual(['1.2', '1.3', '1.4', '1.5', '1.6', '2.2', '2.3', '3.1', '3.2']);
  expect(await latest(9)).toHaveLength(listed.length);
});
