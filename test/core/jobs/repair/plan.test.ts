/** A run without `apply` says what one with it does, also of what depends on an object that only a copy has. */

import { randomBytes } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localStore } from '../../../../src/addins/local/index.ts';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import type { RepairReport, RepairRequest } from '../../../../src/core/jobs/repair/types.ts';
import { repairLab } from '../../../support/upkeep.ts';
import { type ChainLab, openChainLab } from '../chain/chain-lab.ts';

let chain: ChainLab;
let copy: string;

beforeEach(async () => {
  chain = await openChainLab({ pageBytes: 1000, threads: 1, encrypted: true }, '/dev/shm');
  copy = join(chain.directory, 'copy');
});
afterEach(() => chain[Symbol.asyncDispose]());

const objectOf = ({ header }: Snapshot, wanted: string): string =>
  header.objects.find(({ kind }) => kind === wanted)!.key;

function flip(key: string): void {
  const file = join(chain.lab.storePath, key);
  const bytes = readFileSync(file);
  bytes[100]! ^= 1;
  writeFileSync(file, bytes);
}

const lose = (...keys: string[]): void => {
  for (const key of keys) rmSync(join(chain.lab.storePath, key));
};

async function copyNow(): Promise<Pick<RepairRequest, 'copies'>> {
  cpSync(chain.lab.storePath, copy, { recursive: true });
  const store = await localStore.open({ use: 'local', path: copy });
  const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
  return { copies: [{ name: 'offsite', store, provider }] };
}

const inFull = ({ objects, snapshots, ...rest }: RepairReport) => ({
  ...rest,
  objects: objects.map(({ mended: _, ...one }) => one),
  snapshots: snapshots.map(({ published: _, ...one }) => one),
});

describe('the plan of a repair', () => {
  it('is what apply does where a manifest, a key and an index come from a copy', async () => {
    chain.write('a', randomBytes(5000));
    const full = await chain.full();
    chain.write('b', randomBytes(5000));
    const next = await chain.incremental();
    const copies = await copyNow();
    const [key] = readdirSync(join(copy, 'keys'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.age'))
      .map((name) => `keys/${name}`);
    for (const one of [next.key, objectOf(full, 'index')]) flip(one);
    const segment = objectOf(next, 'segment');
    lose(key!, segment);
    rmSync(join(copy, segment));

    const plan = await repairLab(chain.lab, { ...copies, apply: false });
    const done = await repairLab(chain.lab, copies);
    expect(inFull(plan)).toEqual(inFull(done));
    expect(plan.objects.map((one) => one.key).sort()).toEqual(
      [key, next.key, objectOf(full, 'index'), segment].sort(),
    );
    expect(plan.snapshots).toMatchObject([{ name: next.name, paths: ['shadow/b'] }]);
  });

  it('has an object once that a lost snapshot and a marked one need', async () => {
    chain.write('a', randomBytes(5000));
    const full = await chain.full();
    chain.write('b', randomBytes(5000));
    const next = await chain.incremental();
    const copies = await copyNow();
    lose(objectOf(full, 'segment'), next.key);
    expect((await repairLab(chain.lab)).snapshots).toMatchObject([{ name: full.name, published: true }]);

    const plan = await repairLab(chain.lab, { ...copies, apply: false });
    const done = await repairLab(chain.lab, copies);
    expect(inFull(plan)).toEqual(inFull(done));
    expect(plan.objects.map((one) => one.key)).toEqual([objectOf(full, 'segment'), next.key]);
    expect(plan.snapshots).toMatchObject([{ name: full.name, broughtBack: true }]);
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
  });
});
