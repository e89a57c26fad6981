/** Repair, verify and compact while prune, on this machine or another, removes what they have listed. */

import { randomBytes } from 'node:crypto';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { localStore } from '../../../src/addins/local/index.ts';
import { s3TarProvider } from '../../../src/addins/s3-tar/index.ts';
import type { Store } from '../../../src/core/contracts/store.ts';
import { errorCodes } from '../../../src/core/errors.ts';
import { listSnapshots } from '../../../src/core/jobs/catalog.ts';
import type { PruneReport } from '../../../src/core/jobs/prune/types.ts';
import type { RepairRequest } from '../../../src/core/jobs/repair/types.ts';
import { verify } from '../../../src/core/jobs/verify.ts';
import { danglingIn } from '../../support/copies.ts';
import { hookedStore } from '../../support/hooked-store.ts';
import { ageStore, compactLab, pruneLab, repairLab } from '../../support/upkeep.ts';
import { type ChainLab, openChainLab } from './chain/chain-lab.ts';

const signal = new AbortController().signal;
let chain: ChainLab;

beforeEach(async () => {
  chain = await openChainLab({ pageBytes: 1000 }, '/dev/shm');
  for (let n = 0; n < 3; n++) {
    chain.write(`file-${n}`, randomBytes(3000));
    await chain.full();
  }
  ageStore(chain.lab);
});
afterEach(() => chain[Symbol.asyncDispose]());

async function copyNow(): Promise<RepairRequest['copies'][number]> {
  const path = join(chain.directory, 'copy');
  cpSync(chain.lab.storePath, path, { recursive: true });
  const store = await localStore.open({ use: 'local', path });
  return {
    name: 'offsite',
    store,
    provider: await s3TarProvider.open({ store, settings: { use: 's3-tar' } }),
  };
}

/** As another machine does it, which our locks do not stop. */
const pruneElsewhere = (store: Store = chain.lab.store): Promise<PruneReport> =>
  pruneLab(chain.lab, {
    store,
    stateDir: join(chain.directory, 'elsewhere'),
    retention: { keepLast: 1, maxRemoveShare: 1 },
  });

/** After so many listings of manifests something else happens. */
function afterListing(count: number, act: () => Promise<unknown>): Store {
  const { store } = chain.lab;
  let listings = 0;
  return {
    ...hookedStore(store, {}),
    list: async (request) => {
      const page = await store.list(request);
      if (request.prefix.startsWith('manifests/') && ++listings === count) await act();
      return page;
    },
  };
}

const listed = () => listSnapshots(chain.lab.store, {}, signal);

it.each([
  ['before it takes the account', 1, {}],
  ['while it works on the account', 2, {}],
  ['from a copy that it mends', 2, { isCopy: true }],
] as const)('repair brings nothing back that prune removes %s', async (_, count, more) => {
  const copy = await copyNow();
  const store = afterListing(count, pruneElsewhere);
  const report = await repairLab(chain.lab, { store, copies: [copy], ...more });

  expect(report).toMatchObject({ exitStatus: 0, objects: [], snapshots: [] });
  expect(await listed()).toHaveLength(1);
});

it('repair does not call lost what prune removes, where there is no copy', async () => {
  const report = await repairLab(chain.lab, { store: afterListing(2, pruneElsewhere) });

  expect(report).toMatchObject({ exitStatus: 0, objects: [], snapshots: [] });
  expect(await listed()).toHaveLength(1);
});

it.each([1, 2])(
  'repair leaves no snapshot without its objects beside a prune that is at them, after listing %i',
  async (count) => {
    const copy = await copyNow();
    const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = hookedStore(chain.lab.store, {
      beforeRemove: async (key) => {
        if (!/^(?:data|index)\//.test(key)) return;
        reached.resolve();
        await gate.promise;
      },
    });
    const pruning: Promise<PruneReport>[] = [];
    const store = afterListing(count, async () => {
      pruning.push(pruneElsewhere(slow));
      await reached.promise;
    });
    await repairLab(chain.lab, { store, copies: [copy] });
    gate.resolve();
    await pruning[0];

    expect(danglingIn(chain.lab.storePath)).toEqual([]);
  },
);

it.each([1, 2])('compact does without what prune removes after its listing %i', async (count) => {
  const report = await compactLab(chain.lab, { store: afterListing(count, pruneElsewhere) });

  expect(report).toMatchObject({ exitStatus: 0, accounts: [] });
  expect(await listed()).toHaveLength(1);
});

it('verify leaves out what prune removes, and only that', async () => {
  const snapshots = await listed();
  await pruneElsewhere();
  const { store, provider } = chain.lab;
  const request = { store, provider, snapshots, wholeHistories: true, readData: false, threads: 1, signal };
  const report = await verify({ ...request, onEvent: () => {} });
  expect(report).toMatchObject({ exitStatus: 0, pruned: 2, histories: [], snapshots: [{ problems: [] }] });

  await store.remove({ key: snapshots[2]!.key, signal });
  expect((await verify({ ...request, onEvent: () => {} })).exitStatus).toBe(errorCodes.OBJECT_MISSING.exit);
});

it('verify leaves out a snapshot whose objects go while it reads them', async () => {
  const { provider } = chain.lab;
  const snapshots = await listed();
  let heads = 0;
  const store = hookedStore(chain.lab.store, {
    beforeHead: async () => {
      if (++heads === 1) await pruneElsewhere();
    },
  });
  const report = await verify({
    ...{ store, provider, snapshots, readData: false, threads: 1, signal, onEvent: () => {} },
  });
  expect(report).toMatchObject({ exitStatus: 0, pruned: 2 });
});
