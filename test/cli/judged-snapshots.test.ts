/** What it costs to believe a snapshot, counted at the store. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localStore } from '../../src/addins/local/index.ts';
import { type Doubt, SnapshotJudge } from '../../src/cli/judged-snapshots.ts';
import { manifestKey } from '../../src/core/archive/keys.ts';
import type { Store } from '../../src/core/contracts/store.ts';
import { listSnapshots } from '../../src/core/jobs/catalog.ts';
import { openTrust } from '../../src/core/jobs/trust.ts';
import { type Lab, openLab } from '../support/backup.ts';

const { signal } = new AbortController();
const directory = mkdtempSync(join(tmpdir(), 'holdfast-judged-'));
let lab: Lab;
let gets = 0;

beforeAll(async () => {
  const path = join(directory, 'store');
  const store = await localStore.open({ use: 'local', path });
  const counting = new Proxy(store, {
    get(target, name) {
      if (name === 'get') gets += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  }) as Store;
  lab = await openLab(directory, { store: counting });
  const tree = join(directory, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'page'), 'page');
  await lab.backUp({ shadow: tree });
  await lab.backUp({ shadow: tree });
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});

async function judged(look: boolean) {
  const { store, provider, stateDir } = lab;
  const search = { store, provider, state: null, panelAccounts: async () => [], signal };
  const judge = await SnapshotJudge.open(search, await openTrust(stateDir, []), stateDir);
  const listed = await listSnapshots(store, {}, signal);
  const doubts: Doubt[] = [];
  gets = 0;
  const found = await judge.newestComplete(listed, doubts, look);
  return { sequence: found?.sequence ?? null, doubts: doubts.length, gets };
}

describe('the newest snapshot that can be believed', () => {
  it('costs no request where this server remembers it, and one where it is to be looked at', async () => {
    expect(await judged(false)).toEqual({ sequence: 2, doubts: 0, gets: 0 });
    expect(await judged(true)).toEqual({ sequence: 2, doubts: 0, gets: 1 });
  });

  it('is found below any number of planted names, of which few are read', async () => {
    const [ours] = await listSnapshots(lab.store, {}, signal);
    const paths = Array.from({ length: 30 }, (_, n) => {
      const planted = {
        ...ours!,
        sequence: 100 + n,
        atMs: ours!.atMs + 60_000 * (n + 1),
        id: 'dddddddddddd',
      };
      return join(directory, 'store', manifestKey({ ...planted, state: 'complete' }));
    });
    for (const path of paths) writeFileSync(path, '');
    const found = await judged(false);
    for (const path of paths) rmSync(path);

    expect(found).toEqual({ sequence: 2, doubts: 10, gets: 10 });
  });

  it('costs one request where nobody remembers it', async () => {
    rmSync(join(lab.stateDir, 'newest'), { recursive: true, force: true });

    expect(await judged(false)).toEqual({ sequence: 2, doubts: 0, gets: 1 });
  });
});
