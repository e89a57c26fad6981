import { expect, it } from 'vitest';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import { clearLeftovers } from '../../../../src/core/jobs/repair/leftovers.ts';
import { keysIn, put, server, signal } from '../../../support/synthetic-snapshots.ts';

it('a dry run names the trials that repair then removes, and no others', async () => {
  const store = memoryStore();
  const stale = `data/${server}/_verify/20200101T000000Z-00/`;
  const others = [`data/${server}/_verify/20991231T000000Z-00/x`, `events/${server}/_verify/prune/reserve`];
  for (const key of [`${stale}x`, ...others]) await put(store, key, 'x');
  const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
  const clear = (apply: boolean) =>
    clearLeftovers({
      ...{ store, provider, server, owners: null, copies: [], readData: false, apply, stateDir: '/none' },
      ...{ signer: null, world: { now: Date.now, newObjectId: () => '' }, signal, onEvent: () => {} },
    });

  expect(await clear(false)).toEqual([stale]);
  expect(await clear(true)).toEqual([stale]);
  expect(await keysIn(store)).toEqual(others);
});
