/** Compact on a machine that is suspended for two days, while prune runs on another one. */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { chainProvider } from '../../../../src/addins/chain/index.ts';
import { withKeys } from '../../../../src/core/encryption/keyed-provider.ts';
import { errorCodes } from '../../../../src/core/errors.ts';
import { type ListedSnapshot, listSnapshots, readAnySnapshot } from '../../../../src/core/jobs/catalog.ts';
import type { CompactReport } from '../../../../src/core/jobs/compact/types.ts';
import { writeEvent } from '../../../../src/core/jobs/events.ts';
import type { PruneReport } from '../../../../src/core/jobs/prune/types.ts';
import { openSigner } from '../../../../src/core/state/signing-key.ts';
import { danglingIn } from '../../../support/copies.ts';
import { hookedStore } from '../../../support/hooked-store.ts';
import { ageStore, compactLab, pruneLab } from '../../../support/upkeep.ts';
import { type ChainLab, openChainLab } from '../chain/chain-lab.ts';

const settings = { cadence: 'forever', rereadEvery: 100_000 };
const signal = new AbortController().signal;
let chain: ChainLab;

/** Two snapshots, and a sparse segment: of the full that they refer to for one file, the rest was pruned. */
beforeEach(async () => {
  chain = await openChainLab({ pageBytes: 1000, chain: settings }, '/dev/shm');
  for (let i = 0; i < 20; i++) chain.write(`d${i}/file`, randomBytes(20_000));
  await chain.full();
  for (let i = 1; i < 20; i++) chain.write(`d${i}/file`, randomBytes(20_000));
  await chain.incremental();
  chain.write('d1/file', randomBytes(20_000));
  await chain.incremental();
  await pruneLab(chain.lab);
  ageStore(chain.lab);
  await pruneLab(chain.lab);
});
afterEach(() => chain[Symbol.asyncDispose]());

/** An index that no manifest names keeps it from removing anything until somebody says so. */
const pruneElsewhere = (keepLast = 2): Promise<PruneReport> =>
  pruneLab(chain.lab, {
    stateDir: join(chain.directory, 'elsewhere'),
    retention: { keepLast, maxRemoveShare: 1 },
    acceptGaps: true,
  });

interface Sleep {
  readonly sleepMs?: number;
  readonly meanwhile?: () => Promise<unknown>;
}

/** It sleeps once, before or after its first put of a revision: for two days, where nothing else is said. */
async function compactBeside(
  when: 'beforePut' | 'afterPut',
  { sleepMs = 2 * 86_400_000, meanwhile = () => pruneElsewhere() }: Sleep = {},
): Promise<CompactReport> {
  let [awake, sleptMs] = [true, 0];
  const store = hookedStore(chain.lab.store, {
    [when]: async (key: string) => {
      if (!awake || !key.startsWith('manifests/')) return;
      [awake, sleptMs] = [false, sleepMs];
      if (sleptMs > 0) ageStore(chain.lab);
      await meanwhile();
    },
  });
  const plain = await chainProvider.open({ store, settings: { use: 'chain', ...settings } });
  const provider = withKeys(plain, { keys: chain.lab.provider.keys ?? null });
  const newObjectId = (): string => randomBytes(16).toString('hex');
  const world = { now: () => Date.now() + sleptMs, newObjectId };
  const report = await compactLab(chain.lab, { store, provider, world });
  expect(awake).toBe(false);
  return report;
}

const revisions = async (): Promise<number[]> => {
  const listed = await listSnapshots(chain.lab.store, {}, signal);
  return listed.map(({ revision }) => revision);
};

it('publishes no revision whose objects prune has removed meanwhile', async () => {
  const report = await compactBeside('beforePut');

  expect(report).toMatchObject({
    accounts: [{ published: [] }],
    exitStatus: errorCodes.ACCOUNT_LOCKED.exit,
  });
  expect(await revisions()).toEqual([0, 0]);
  expect(danglingIn(chain.lab.storePath)).toEqual([]);
  // Nor is there anything for whose sake the next prune lets go of what is whole.
  await chain.incremental();
  ageStore(chain.lab);
  await pruneElsewhere(5);
  expect(await revisions()).toEqual([0, 0, 0]);
  expect((await chain.lab.verify(true)).exitStatus).toBe(0);
});

it('publishes them where it slept and all is there', async () => {
  const report = await compactBeside('beforePut', { meanwhile: async () => {} });

  expect(report.accounts[0]!.published).toHaveLength(2);
  expect(await revisions()).toEqual([1, 1]);
});

it.each([
  ['', false],
  [', though an old event names it that was not carried out', true],
])('does not take back the only revision that prune has left%s', async (_, isNamed) => {
  const [first] = await listSnapshots(chain.lab.store, {}, signal);
  if (isNamed) await nameInOldEvent(first!);
  const report = await compactBeside('afterPut');

  expect(await chain.lab.store.head({ key: first!.key, signal })).toBe(null);
  const { snapshots, published } = report.accounts[0]!;
  expect(published).toEqual(snapshots.slice(0, 1));
  expect(await revisions()).toEqual([1, 0]);
  expect((await chain.lab.verify(true)).exitStatus).toBe(0);
});

/** As of a prune that was interrupted three days ago. */
async function nameInOldEvent(listed: ListedSnapshot): Promise<void> {
  const { provider, addin } = chain.lab;
  const { header } = await readAnySnapshot(provider, listed, signal);
  const { server, owner, id, lineage, sequence, digest } = header;
  const removed = [{ id, lineage, sequence, digest, key: listed.key, reason: 'no rule keeps it' }];
  const world = {
    now: () => Date.now() - 3 * 86_400_000,
    newObjectId: () => randomBytes(16).toString('hex'),
    signer: await openSigner(chain.lab.stateDir, server),
  };
  const about = { id: addin.id, name: addin.name };
  await writeEvent(provider, { kind: 'prune', server, owner, addin: about, removed }, world, signal);
}

it('takes back that of a snapshot which prune lets go at this moment', async () => {
  const [, second] = await listSnapshots(chain.lab.store, {}, signal);
  const report = await compactBeside('beforePut', { sleepMs: 0, meanwhile: () => pruneElsewhere(1) });

  expect(report.accounts[0]!.published).toHaveLength(1);
  const left = await listSnapshots(chain.lab.store, {}, signal);
  expect(left.map(({ id }) => id)).toEqual([second!.id]);
});
