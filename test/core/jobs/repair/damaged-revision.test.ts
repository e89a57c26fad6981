/** A snapshot of which the highest revision is damaged, in every store, and the one below it is whole. */

import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorCodes } from '../../../../src/core/errors.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { openTrust } from '../../../../src/core/jobs/trust.ts';
import { ageStore, pruneLab, repairLab } from '../../../support/upkeep.ts';
import { type ChainLab, openChainLab } from '../chain/chain-lab.ts';

let chain: ChainLab;

beforeEach(async () => {
  chain = await openChainLab({ threads: 1 }, '/dev/shm');
  chain.write('a', randomBytes(50_000));
});
afterEach(() => chain[Symbol.asyncDispose]());

const at = (key: string): string => join(chain.lab.storePath, key);
const next = ({ key }: Snapshot): string => key.replace('.manifest', '-r1.manifest');
const damaged = errorCodes.OBJECT_DAMAGED.exit;

function flip(key: string, place: number): void {
  const bytes = readFileSync(at(key));
  bytes[place]! ^= 1;
  writeFileSync(at(key), bytes);
}

describe('a damaged revision above a whole one', () => {
  it('is replaced by a new one, below which prune removes it', async () => {
    const full = await chain.full();
    writeFileSync(at(next(full)), 'garbage');
    expect((await chain.lab.verify(false)).exitStatus).toBe(damaged);
    const trust = await openTrust(chain.lab.stateDir, []);

    const said = { objects: [{ key: next(full), copy: null }], exitStatus: 0 };
    const plan = await repairLab(chain.lab, { trust, apply: false });
    expect(plan).toMatchObject({ ...said, snapshots: [{ replaced: true, published: false }] });
    const done = await repairLab(chain.lab, { trust, readData: false });
    expect(done).toMatchObject({ ...said, snapshots: [{ replaced: true, published: true }] });
    const { header, body } = await chain.lab.latest();
    expect({ header, body }).toEqual({
      header: { ...full.header, revision: 2, replaces: full.key, writtenBy: header.writtenBy },
      body: full.body,
    });
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    expect(await repairLab(chain.lab, { trust })).toMatchObject({ ...said, snapshots: [] });

    const refused = await pruneLab(chain.lab, { trust });
    expect(refused.exitStatus).toBe(errorCodes.PRUNE_REFUSED.exit);
    ageStore(chain.lab);
    expect((await pruneLab(chain.lab, { trust })).exitStatus).toBe(0);
    expect(await repairLab(chain.lab, { trust })).toMatchObject({ objects: [], exitStatus: 0 });
    await chain.expectRestorable();
  });

  it('that said what is lost does not hide it: what the one below names is hashed', async () => {
    const full = await chain.full();
    const segment = full.header.objects.find(({ kind }) => kind === 'segment')!;
    for (let place = 20_000; place < 24_000; place += 100) flip(segment.key, place);
    await repairLab(chain.lab);
    const marked = await chain.lab.latest();
    flip(marked.key, 100);

    const { snapshots } = await repairLab(chain.lab, { readData: false });
    expect(snapshots).toMatchObject([{ replaced: false, paths: ['shadow/a'], published: true }]);
    expect((await chain.lab.latest()).header).toMatchObject({ revision: 2, state: 'partial', lost: true });
    // It names all there was, in case a copy comes back.
    ageStore(chain.lab);
    expect((await pruneLab(chain.lab)).exitStatus).toBe(errorCodes.PRUNE_REFUSED.exit);
  });

  it('stays above one that had lost something, and people are told when to remove it', async () => {
    const full = await chain.full();
    rmSync(at(full.header.objects.find(({ kind }) => kind === 'segment')!.key));
    await repairLab(chain.lab);
    const marked = await chain.lab.latest();
    writeFileSync(at(marked.key.replace('-r1.', '-r2.')), 'garbage');

    expect(await repairLab(chain.lab)).toMatchObject({
      objects: [{ problem: expect.stringContaining('remove it where no copy is to come back') }],
      snapshots: [],
      exitStatus: damaged,
    });
  });

  it('stays where no number would be above it that follows on the others', async () => {
    const full = await chain.full();
    writeFileSync(at(full.key.replace('.manifest', '-r7.manifest')), 'garbage');
    expect(await repairLab(chain.lab)).toMatchObject({
      objects: [{ problem: expect.stringContaining('its number does not follow') }],
      snapshots: [],
      exitStatus: damaged,
    });
  });
});
