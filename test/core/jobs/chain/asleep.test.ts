/** Backups with credentials that can only put, on a machine that is suspended for two days while prune runs elsewhere. */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { localStore } from '../../../../src/addins/local/index.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { listSnapshots, type Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { ahead, type Lab, openLab } from '../../../support/backup.ts';
import { danglingIn } from '../../../support/copies.ts';
import { hookedStore } from '../../../support/hooked-store.ts';
import { ageStore, pruneLab } from '../../../support/upkeep.ts';
import { type ChainLab, openChainLab } from './chain-lab.ts';

const settings = { cadence: 'forever', rereadEvery: 100_000 };
const signal = new AbortController().signal;
let chain: ChainLab;
let lab: Lab;
/** Where it is to sleep next: after such a put has been stored, and before the answer is read; or before it is sent. */
let sleepsAfter: RegExp | null;
let sleepsBefore: RegExp | null;
let sleptMs: number;

beforeEach(async () => {
  [sleepsAfter, sleepsBefore, sleptMs] = [null, null, 0];
  chain = await openChainLab({ chain: settings }, '/dev/shm');
  const local = await localStore.open({ use: 'local', path: chain.lab.storePath });
  const hooked = hookedStore(local, {
    beforePut: async (key) => {
      if (sleepsBefore?.test(key)) await sleep();
    },
    afterPut: async (key) => {
      if (sleepsAfter?.test(key)) await sleep();
    },
  });
  const store: Store = { ...hooked, capabilities: { ...local.capabilities, putOnly: true } };
  chain.write('a', randomBytes(50_000));
  lab = await openLab(chain.directory, { store, chain: settings, now: ahead });
  await backUp();
  chain.write('b', randomBytes(50_000));
});
afterEach(async () => {
  await lab.close();
  await chain[Symbol.asyncDispose]();
});

async function sleep(): Promise<void> {
  [sleepsAfter, sleepsBefore] = [null, null];
  sleptMs += 2 * 86_400_000;
  ageStore(chain.lab);
  // An index that no manifest names keeps prune from removing anything until somebody says so.
  await pruneLab(chain.lab, { stateDir: join(chain.directory, 'elsewhere'), acceptGaps: true });
}

const backUp = async (): Promise<Snapshot> => {
  const now = (): number => Date.now() + sleptMs;
  return (await lab.backUp({ shadow: chain.tree }, { level: 'incremental', now })).snapshot;
};

const names = async (): Promise<string[]> =>
  (await listSnapshots(chain.lab.store, {}, signal)).map(({ level }) => level);

it.each([
  ['a segment was stored', /^data\//],
  ['the index was stored', /^index\//],
])('nothing is committed that may be gone since %s, and the next run stores it anew', async (_, put) => {
  sleepsAfter = put;
  await expect(backUp()).rejects.toMatchObject({ code: 'CHAIN_BROKEN' });
  expect(await names()).toEqual(['full']);

  const next = await backUp();
  expect(next.header).toMatchObject({ level: 'incremental', sequence: 2 });
  expect(danglingIn(chain.lab.storePath)).toEqual([]);
  await chain.expectRestorable(next);
});

it('nothing follows on what was committed too late', async () => {
  sleepsBefore = /^manifests\//;
  await expect(backUp()).rejects.toMatchObject({ code: 'CHAIN_BROKEN' });
  expect(danglingIn(chain.lab.storePath)).not.toEqual([]);

  const next = await backUp();
  expect(next.header).toMatchObject({ level: 'full', references: [] });
  await chain.expectRestorable(next);
  chain.write('c', randomBytes(50_000));
  await chain.expectRestorable(await backUp());
});

it('a sleep before anything is stored keeps nobody from committing', async () => {
  sleepsBefore = /^data\//;
  await chain.expectRestorable(await backUp());
  expect(await names()).toEqual(['full', 'incremental']);
});
