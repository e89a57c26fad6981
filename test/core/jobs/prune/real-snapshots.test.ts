/** Prune over real snapshots in a directory: what stays restores, also while backups run. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { localStore } from '../../../../src/addins/local/index.ts';
import { listSnapshots } from '../../../../src/core/jobs/catalog.ts';
import { writeEvent } from '../../../../src/core/jobs/events.ts';
import { prune } from '../../../../src/core/jobs/prune/prune.ts';
import type { PruneReport, PruneRequest } from '../../../../src/core/jobs/prune/types.ts';
import { type Lab, openLab } from '../../../support/backup.ts';
import { compareTrees } from '../../../support/compare-trees.ts';
import { hookedStore } from '../../../support/hooked-store.ts';

const day = 24 * 3_600_000;
const signal = new AbortController().signal;
let directory: string;
let tree: string;
let lab: Lab;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-prune-'));
  tree = join(directory, 'tree');
  mkdirSync(join(tree, 'a'), { recursive: true });
  for (let i = 0; i < 20; i++) writeFileSync(join(tree, 'a', `file-${i}`), `content ${i}\n`.repeat(i));
  lab = await openLab(directory);
});
afterEach(async () => {
  await lab.close();
  rmSync(directory, { recursive: true });
});

let ids = 0;
function run(more: Partial<PruneRequest> = {}): Promise<PruneReport> {
  return prune({
    store: lab.store,
    provider: lab.provider,
    server: lab.state.server.uuid,
    addin: lab.addin,
    owners: null,
    retention: { keepLast: 2, maxRemoveShare: 1 },
    apply: true,
    stateDir: lab.stateDir,
    world: { now: Date.now, newObjectId: () => `${++ids}`.padStart(12, '0').padEnd(32, '0') },
    signal,
    onEvent: () => {},
    ...more,
  });
}

/** As if everything had been in the store for two days. */
function age(path = lab.storePath): void {
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const then = Date.now() / 1000 - 2 * 86_400;
    utimesSync(join(entry.parentPath, entry.name), then, then);
  }
}

async function backUps(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    writeFileSync(join(tree, 'changing'), `state ${i}`);
    await lab.backUp({ files: tree }, { now: () => Date.now() - (count - i) * day });
  }
}

it('leaves snapshots that verify and restore, and nothing else', async () => {
  await backUps(6);
  const young = await run();
  expect([young.removed.count, young.objects.count]).toEqual([4, 0]);
  age();
  const report = await run();

  expect(report).toMatchObject({ removed: young.waiting, refusals: [], exitStatus: 0 });
  const needed = (await listSnapshots(lab.store, {}, signal)).length;
  const kept = readdirSync(join(lab.storePath, 'index'), { recursive: true }).filter((name) =>
    /\.idx(?:\.age)?$/.test(`${name}`),
  );
  expect([needed, kept.length]).toEqual([2, 2]);
  expect((await lab.verify(true)).exitStatus).toBe(0);
  await lab.restore(join(directory, 'back'));
  expect((await compareTrees(tree, join(directory, 'back/files'))).differences).toEqual([]);
});

it('goes together with backups of the same account', async () => {
  await backUps(5);
  age();
  let done = false;
  const pruning = (async () => {
    let removed = 0;
    while (!done) removed += (await run()).removed.count;
    return removed;
  })();
  for (let i = 0; i < 5; i++) {
    writeFileSync(join(tree, `late-${i}`), 'x'.repeat(i));
    // While prune holds the account's lock for a moment, a backup is turned away.
    for (;;) {
      const { outcomes } = await lab.run({ files: tree });
      if (outcomes[0]?.error == null) break;
      expect(outcomes[0].error.code).toBe('ACCOUNT_LOCKED');
    }
  }
  done = true;

  expect(await pruning).toBeGreaterThanOrEqual(3);
  expect((await lab.verify(true)).exitStatus).toBe(0);
  await lab.restore(join(directory, 'back'));
  expect((await compareTrees(tree, join(directory, 'back/files'))).differences).toEqual([]);
});

it('spares what a backup of two days from another machine has stored, which no manifest names yet', async () => {
  for (let i = 0; i < 30; i++) {
    mkdirSync(join(tree, `d${i % 5}`), { recursive: true });
    writeFileSync(join(tree, `d${i % 5}`, `${i}`), randomBytes(3000));
  }
  const store = await localStore.open({ use: 'local', path: lab.storePath });
  let removed = -1;
  const slow = await openLab(directory, {
    store: {
      name: store.name,
      capabilities: store.capabilities,
      get: (request) => store.get(request),
      head: (request) => store.head(request),
      list: (request) => store.list(request),
      remove: (request) => store.remove(request),
      close: () => store.close(),
      async put(request) {
        if (!request.key.startsWith('manifests/')) return store.put(request);
        // The last segment and the index have just been stored.
        age();
        const names = readdirSync(lab.storePath, { recursive: true, encoding: 'utf8' });
        const segments = names.filter((name) => name.includes('.tar.zst')).sort();
        expect(segments.length).toBeGreaterThan(1);
        const index = names.find((name) => name.includes('.idx'))!;
        for (const name of [segments.at(-1)!, index])
          utimesSync(join(lab.storePath, name), Date.now() / 1000, Date.now() / 1000);
        ({
          removed: { count: removed },
        } = await run({ stateDir: join(directory, 'elsewhere') }));
        return store.put(request);
      },
    },
  });
  expect((await slow.backUp({ files: tree })).exitStatus).toBe(0);
  expect((await slow.verify(true)).exitStatus).toBe(0);
  expect(removed).toBe(0);
  await slow.close();
});

it.each([
  ['before the manifest', 'head', 'data/'],
  ['with the manifest', 'put', 'manifests/'],
] as const)(
  'removes what a backup stored a day before, %s, and that is not committed',
  async (_, method, at) => {
    let [waitedMs, removed] = [0, 0];
    const prune = async (key: string): Promise<void> => {
      if (!key.startsWith(at) || removed > 0) return;
      age();
      ({
        removed: { count: removed },
      } = await run({ stateDir: join(directory, 'elsewhere'), acceptGaps: true }));
    };
    const onPut = async (key: string): Promise<void> => {
      if (key.startsWith('data/')) waitedMs = day;
      if (method === 'put') await prune(key);
    };
    const hooks = { beforePut: onPut, ...(method === 'head' ? { beforeHead: prune } : {}) };
    const slow = await openLab(directory, { store: hookedStore(lab.store, hooks) });
    const failing = slow.backUp({ files: tree }, { now: () => Date.now() + waitedMs });
    await expect(failing).rejects.toMatchObject({ code: 'CHAIN_BROKEN' });
    expect(removed).toBeGreaterThan(0);
    expect(await listSnapshots(lab.store, {}, signal)).toEqual([]);

    expect((await lab.backUp({ files: tree })).exitStatus).toBe(0);
    expect((await lab.verify(true)).exitStatus).toBe(0);
  },
);

it('believes no erasure of what still opens: whoever may write to the store can put such an event', async () => {
  const own = join(directory, 'encrypted');
  mkdirSync(own);
  const locked = await openLab(own, { encrypted: true });
  for (let i = 0; i < 3; i++) await locked.backUp({ files: tree });
  const snapshots = await listSnapshots(locked.store, {}, signal);
  const { server, owner } = snapshots[0]!;
  const world = { now: Date.now, newObjectId: () => randomBytes(16).toString('hex') };
  const about = snapshots.map(({ id, sequence }) => ({ id, sequence, lineage: '', digest: '' }));
  const event = { kind: 'erasure', server, owner, reason: 'forged', snapshots: about, keys: [] } as const;
  await writeEvent(locked.provider, event, world, signal);

  const kept = async (): Promise<boolean[]> => {
    const more = { retention: { keepLast: 9 }, server, apply: false };
    const { snapshots } = await run({ store: locked.store, provider: locked.provider, ...more });
    return snapshots.map(({ keep }) => keep);
  };
  expect(await kept()).toEqual([true, true, true]);
  rmSync(join(locked.storePath, 'keys'), { recursive: true });
  expect(await kept()).toEqual([false, false, false]);
  await locked.close();
});
