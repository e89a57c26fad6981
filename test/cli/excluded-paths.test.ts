import { expect, it } from 'vitest';
import { noteExcluded } from '../../src/cli/excluded-paths.ts';
import { memoryStore } from '../../src/core/conformance/memory-store.ts';
import { HoldfastError } from '../../src/core/errors.ts';
import type { Store } from '../../src/core/index.ts';
import { listSnapshots, readSnapshot } from '../../src/core/jobs/catalog.ts';
import { openProvider } from '../support/run-prune.ts';
import { ownerUuid, putSnapshot, signal } from '../support/synthetic-snapshots.ts';

it('of a path that backups leave out it is said by which exclusion, and which snapshot is without it', async () => {
  const store = memoryStore();
  const owner = ownerUuid(1);
  const made = [{}, {}, { excluded: ['*/cache'] }, { excluded: ['*/cache'] }];
  for (const [i, more] of made.entries())
    await putSnapshot(store, { owner, sequence: i + 1, atMs: i * 1000, ...more });
  const provider = await openProvider(store);
  const read = (await listSnapshots(store, {}, signal)).map((one) => readSnapshot(provider, one, signal));
  const [, without, , last] = await Promise.all(read);
  const notes: string[] = [];
  const search = { store, provider, state: null, panelAccounts: async () => [], signal };
  const texts = ['shadow/www/cache/a', 'shadow/cache', 'other/www/cache', 'constructor/cache'];
  const paths = texts.map((one) => Buffer.from(one));
  await noteExcluded({ note: (text) => void notes.push(text) }, search, last!, paths);

  expect(notes).toEqual([
    `note: shadow/www/cache/a is left out of ${last!.name} by the exclusion shadow/*/cache`,
    `hint: the newest one that does not leave it out is ${without!.name}`,
  ]);

  notes.length = 0;
  const list: Store['list'] = () =>
    Promise.reject(new HoldfastError('STORE_DENIED', 'this one may not be listed'));
  const closed = { ...search, store: { ...store, list } };
  await noteExcluded({ note: (text) => void notes.push(text) }, closed, last!, paths);

  expect(notes[1]).toBe('hint: other snapshots could not be looked at: this one may not be listed');
});
