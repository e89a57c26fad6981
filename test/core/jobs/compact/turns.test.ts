/** Where a budget does not reach for all accounts, each has its turn. */

import { expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import { compact } from '../../../../src/core/jobs/compact/compact.ts';
import { day, newStateDir, openProvider, putStoreFile, start, worldOf } from '../../../support/run-prune.ts';
import { ownerUuid, putSnapshot, server, signal } from '../../../support/synthetic-snapshots.ts';

const stateDir = newStateDir();

it('begins with another account from day to day, and with the first where there is no budget', async () => {
  const store = memoryStore({ now: () => start });
  await putStoreFile(store);
  const owners = [1, 2, 3, 4].map(ownerUuid);
  for (const owner of owners) await putSnapshot(store, { owner, sequence: 1, atMs: start });
  const provider = await openProvider(store);
  const orderAt = async (nowMs: number, maxBytes: number | null): Promise<string[]> => {
    const order: string[] = [];
    const world = worldOf(() => nowMs);
    const limits = { owners: null, threshold: 0.5, maxBytes };
    await compact({
      ...{ store, provider, server, ...limits, apply: false, stateDir, signer: null, world, signal },
      onEvent: (event) => event.type === 'account' && order.push(event.owner),
    });
    return order;
  };

  const days = await Promise.all(Array.from({ length: 30 }, (_, i) => orderAt(start + i * day, 1000)));
  for (const order of days) expect([...order].sort()).toEqual(owners);
  expect(new Set(days.map(([first]) => first))).toEqual(new Set(owners));
  expect(await orderAt(start + 1, 1000)).toEqual(days[0]);
  expect(await orderAt(start + day, null)).toEqual(owners);
});
