/** A history that cannot be read, comes late or is not listed: what that costs. A provider of fulls does not wait for it. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localStore } from '../../../../src/addins/local/index.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { listSnapshots } from '../../../../src/core/jobs/catalog.ts';
import { readLineage } from '../../../../src/core/state/lineages.ts';
import { type Lab, openLab } from '../../../support/backup.ts';

const signal = new AbortController().signal;
let directory: string;
let lab: Lab;
/** Of an account's manifests, one after the other. */
const answers: (() => Promise<unknown>)[] = [];
let hides = false;
const ofAccount = /^manifests\/[^/]+\/[^/]+\/$/;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-history-'));
  mkdirSync(join(directory, 'tree'));
  for (let i = 0; i < 20; i++) writeFileSync(join(directory, 'tree', `${i}`), randomBytes(5000));
  const local = await localStore.open({ use: 'local', path: join(directory, 'store') });
  const list: Store['list'] = async (request) => {
    if (ofAccount.test(request.prefix)) await answers.shift()?.();
    const page = await local.list(request);
    return hides && ofAccount.test(request.prefix) ? { ...page, objects: [] } : page;
  };
  const store = new Proxy(local, {
    get(target, name) {
      const value: unknown = name === 'list' ? list : Reflect.get(target, name, target);
      return typeof value === 'function' && name !== 'list' ? value.bind(target) : value;
    },
  });
  lab = await openLab(directory, { store });
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('the history of an account', () => {
  it.each([0, 300])('that cannot be read, told after %d ms, commits nothing', async (afterMs) => {
    const before = await listSnapshots(lab.store, {}, signal);
    answers.push(async () => {
      await sleep(afterMs);
      throw new HoldfastError('STORE_UNAVAILABLE', 'no answer');
    });

    await expect(lab.backUp({ shadow: join(directory, 'tree') })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'no answer',
    });
    expect(await listSnapshots(lab.store, {}, signal)).toEqual(before);
  });

  it('that comes late is still what the snapshot goes on from', async () => {
    const first = await lab.backUp({ shadow: join(directory, 'tree') });
    answers.push(() => sleep(300));
    const { snapshot } = await lab.backUp({ shadow: join(directory, 'tree') });

    expect(snapshot.header).toMatchObject({
      sequence: first.snapshot.header.sequence + 1,
      lineage: first.snapshot.header.lineage,
      previous: first.snapshot.header.digest,
    });
  });

  it('that is not listed is told of by the snapshot, and not forgotten by the state', async () => {
    const tree = { shadow: join(directory, 'tree') };
    const { snapshot: last } = await lab.backUp(tree);
    const { lineage, sequence, digest, store, owner } = last.header;
    hides = true;
    const { snapshot: first } = await lab.backUp(tree);
    hides = false;
    const [warning] = first.body.warnings;
    const { former } = (await readLineage(lab.stateDir, lab.addin.id, owner))!;
    // The numbers of the two compare, so the next one follows on the longer.
    const { snapshot: next } = await lab.backUp(tree);
    const after = (await readLineage(lab.stateDir, lab.addin.id, owner))!;

    expect(last.body.warnings).toEqual([]);
    expect(first.header).toMatchObject({ sequence: 1, previous: null });
    expect(warning).toMatchObject({ code: 'new-lineage' });
    expect(warning!.message).toContain(`snapshot ${sequence}, the last`);
    expect(former).toEqual([{ lineage, sequence, digest, store }]);
    expect(next.header).toMatchObject({ lineage, sequence: sequence + 1, previous: digest });
    expect(next.body.warnings).toEqual([]);
    expect(after.former.map((one) => one.lineage)).toEqual([first.header.lineage]);
  });
});
