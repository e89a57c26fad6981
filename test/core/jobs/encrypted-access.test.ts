/** What encryption costs in requests and memory, and backups with credentials that only put. */

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localStore } from '../../../src/addins/local/index.ts';
import type { Store } from '../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../src/core/errors.ts';
import { eraseAccount } from '../../../src/core/jobs/keys/erase-account.ts';
import { forgetAccount } from '../../../src/core/jobs/keys/forget-account.ts';
import { ahead, type Lab, openLab } from '../../support/backup.ts';
import { hookedStore } from '../../support/hooked-store.ts';
import { ageStore, pruneLab } from '../../support/upkeep.ts';

const { signal } = new AbortController();

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-access-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Counts gets of everything but keys, which are fetched once for each account. */
function counting(store: Store, gets: { count: number }): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'get') {
        return (request: Parameters<Store['get']>[0]) => {
          if (!request.key.startsWith('keys/')) gets.count++;
          return target.get(request);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** As credentials without the rights to get, list, head and remove. */
function putOnly(store: Store): Store {
  const denied = (): never => {
    throw new HoldfastError('STORE_DENIED', 'the credentials can only put');
  };
  return {
    name: store.name,
    capabilities: { ...store.capabilities, putOnly: true },
    put: (request) => store.put(request),
    get: denied,
    head: async () => denied(),
    list: async () => denied(),
    remove: async () => denied(),
    close: () => store.close(),
  };
}

async function labWithFiles(
  name: string,
  options: Parameters<typeof openLab>[1],
): Promise<{ lab: Lab; tree: string }> {
  const own = join(directory, name);
  const tree = join(own, 'tree');
  mkdirSync(tree, { recursive: true });
  const lab = await openLab(own, { chain: {}, pageBytes: 2000, now: ahead, ...options });
  return { lab, tree };
}

async function getsOfOneFile(encrypted: boolean): Promise<number> {
  const name = `one-file-${encrypted}`;
  const gets = { count: 0 };
  const store = counting(await localStore.open({ use: 'local', path: join(directory, name, 'store') }), gets);
  const { lab, tree } = await labWithFiles(name, { store, encrypted });
  for (let n = 0; n < 200; n++) writeFileSync(join(tree, `f${n}`), `content of ${n}\n`.repeat(2000));
  await lab.backUp({ shadow: tree }, { level: 'full' });
  for (let n = 0; n < 5; n++) {
    writeFileSync(join(tree, 'changing'), `version ${n}`);
    await lab.backUp({ shadow: tree }, { level: 'incremental' });
  }
  const snapshot = await lab.latest();
  gets.count = 0;
  await lab.restore(join(directory, name, 'to'), { snapshot, paths: [Buffer.from('shadow/f77')] });
  await lab.close();
  expect(statSync(join(directory, name, 'to/shadow/f77')).size).toBe(28_000);
  return gets.count;
}

describe('one file out of a chain', () => {
  it('takes as many requests as without encryption', async () => {
    const plain = await getsOfOneFile(false);
    expect(await getsOfOneFile(true)).toBe(plain);
    expect(plain).toBeLessThanOrEqual(5);
  });
});

describe('with credentials that only put', () => {
  it('an encrypted chain is made from what the state keeps, and can be restored elsewhere', async () => {
    const path = join(directory, 'put-only/store');
    const store = putOnly(await localStore.open({ use: 'local', path }));
    const { lab, tree } = await labWithFiles('put-only', { store, encrypted: true });
    for (let n = 0; n < 50; n++) writeFileSync(join(tree, `f${n}`), `content of ${n}\n`.repeat(100));
    const first = (await lab.backUp({ shadow: tree }, { level: 'full' })).snapshot;
    writeFileSync(join(tree, 'new'), 'new');
    const second = (await lab.backUp({ shadow: tree }, { level: 'incremental' })).snapshot;
    writeFileSync(join(tree, 'newer'), 'newer');
    const third = (await lab.backUp({ shadow: tree }, { level: 'differential' })).snapshot;
    expect(second.header).toMatchObject({ level: 'incremental', sequence: 2, parents: [first.header.id] });
    // Nobody can ask whether the full is still there: the newest is the parent.
    expect(third.header).toMatchObject({ level: 'incremental', sequence: 3, parents: [second.header.id] });
    expect(third.body.warnings).toEqual([]);
    const parents = join(lab.stateDir, 'parents', lab.addin.id, third.header.owner);
    truncateSync(join(parents, `${third.header.objectId}.idx`), 100);
    const fourth = (await lab.backUp({ shadow: tree }, { level: 'incremental' })).snapshot;
    expect(fourth.header).toMatchObject({ level: 'full', sequence: 4, encryption: third.header.encryption! });
    expect(fourth.body.warnings).toMatchObject([{ code: 'no-usable-parent' }]);
    await lab.close();

    const reader = await openLab(join(directory, 'put-only'), { encrypted: true });
    for (const snapshot of [third, fourth]) {
      const to = join(directory, `put-only/${snapshot.header.id}`);
      await reader.restore(to, { snapshot });
      execFileSync('diff', ['-r', tree, join(to, 'shadow')]);
    }
    expect((await reader.verify(true)).exitStatus).toBe(0);
    await reader.close();
  });

  it('refuses another place, where neither the keys nor the parents are', async () => {
    const own = join(directory, 'moved');
    const at = async (place: string, only = putOnly) => ({
      ...{ place, encrypted: true },
      store: only(await localStore.open({ use: 'local', path: join(own, place) })),
    });
    const { lab, tree } = await labWithFiles('moved', await at('one'));
    writeFileSync(join(tree, 'a'), 'content');
    await lab.backUp({ shadow: tree });
    await lab.close();
    const moved = (await labWithFiles('moved', await at('two'))).lab;
    for (let tries = 0; tries < 2; tries++)
      await expect(moved.backUp({ shadow: tree })).rejects.toMatchObject({ code: 'STORE_FOREIGN' });
    expect(existsSync(join(own, 'two'))).toBe(false);
    await moved.close();
    // Who can read finds the same store at its new place, and says so to who cannot.
    renameSync(join(own, 'one'), join(own, 'three'));
    for (const only of [(store: Store) => store, putOnly]) {
      const same = (await labWithFiles('moved', await at('three', only))).lab;
      expect((await same.backUp({ shadow: tree })).exitStatus).toBe(0);
      await same.close();
    }
  });

  it.each([
    ['whose answer got lost', true],
    ['after which the server died at once', false],
  ])(
    'a snapshot %s keeps nobody from pruning: the next one is a full of a new lineage',
    async (_, isLost) => {
      const own = mkdtempSync(join(directory, 'doubt-'));
      const inside = await localStore.open({ use: 'local', path: join(own, 'store') });
      let armed = false;
      const afterPut = (key: string): void => {
        if (!armed || !key.startsWith('manifests/')) return;
        armed = false;
        cpSync(join(own, 'state'), join(own, 'then'), { recursive: true });
        if (isLost) throw new HoldfastError('STORE_UNAVAILABLE', 'cannot tell who wrote it');
      };
      const { lab, tree } = await labWithFiles(own.slice(directory.length + 1), {
        store: putOnly(hookedStore(inside, { afterPut })),
        encrypted: false,
      });
      const backUp = async () => {
        writeFileSync(join(tree, randomUUID()), 'content');
        return (await lab.backUp({ shadow: tree })).snapshot;
      };
      await backUp();
      const second = await backUp();
      armed = true;
      const third = await backUp().catch((error: HoldfastError) => error.code);
      if (isLost) expect(third).toBe('STORE_UNAVAILABLE');
      else {
        rmSync(join(own, 'state'), { recursive: true });
        renameSync(join(own, 'then'), join(own, 'state'));
      }
      const fourth = await backUp();
      const fifth = await backUp();
      await lab.close();

      expect(fourth.header).toMatchObject({ level: 'full', sequence: 1, parents: [], previous: null });
      expect(fourth.header.lineage).not.toBe(second.header.lineage);
      expect(fourth.body.warnings).toMatchObject([{ code: 'no-usable-parent', component: 'account' }]);
      expect(fifth.header).toMatchObject({ level: 'incremental', sequence: 2, parents: [fourth.header.id] });
      expect(fifth.body.warnings).toEqual([]);
      const admin = await openLab(own, { chain: {}, encrypted: false });
      expect((await admin.verify(true)).exitStatus).toBe(0);
      ageStore(admin);
      expect((await pruneLab(admin)).refusals).toEqual([]);
      expect((await admin.verify(true)).exitStatus).toBe(0);
      await admin.close();
    },
  );

  it('a lost state begins a new epoch, and both open', async () => {
    const own = join(directory, 'lost');
    const store = putOnly(await localStore.open({ use: 'local', path: join(own, 'store') }));
    const { lab, tree } = await labWithFiles('lost', { store, encrypted: true });
    writeFileSync(join(tree, 'a'), 'content');
    const first = (await lab.backUp({ shadow: tree }, { level: 'full' })).snapshot;
    rmSync(join(lab.stateDir, 'owner-keys'), { recursive: true });
    const second = (await lab.backUp({ shadow: tree }, { level: 'full' })).snapshot;
    await lab.close();
    expect(second.header.encryption!.pair).not.toBe(first.header.encryption!.pair);
    const reader = await openLab(own, { encrypted: true });
    expect((await reader.verify(true)).snapshots.map(({ locked, problems }) => [locked, problems])).toEqual([
      [false, []],
      [false, []],
    ]);
    await reader.close();
  });
});

describe('an erasure', () => {
  const world = { now: Date.now, newObjectId: () => randomUUID().replaceAll('-', '') };

  it('elsewhere is followed by a server that cannot see it, once it is told', async () => {
    const name = `erased-${randomUUID()}`;
    const path = join(directory, name, 'store');
    const store = putOnly(await localStore.open({ use: 'local', path }));
    const { lab, tree } = await labWithFiles(name, { store, encrypted: true });
    writeFileSync(join(tree, 'a'), 'content');
    const first = (await lab.backUp({ shadow: tree })).snapshot.header;
    const admin = await openLab(join(directory, name), { place: 'admin', encrypted: true });
    const there = { servers: [first.server], owner: first.owner, reason: 'asked for', apply: true };
    const place = { store: admin.store, provider: admin.provider, storeId: first.store };
    const state = { stateDir: join(directory, name, 'admin-state'), world, signal };
    mkdirSync(state.stateDir);
    expect(await eraseAccount({ ...place, ...there, ...state })).toMatchObject({ closed: 1, open: 0 });
    await admin.close();

    expect(await forgetAccount(lab.stateDir, [first.store], first.owner)).toEqual([first.store]);
    const second = (await lab.backUp({ shadow: tree })).snapshot;

    expect(second.header).toMatchObject({ level: 'full', sequence: 2, encryption: { epoch: 2 } });
    await lab.close();
    const reader = await openLab(join(directory, name), { encrypted: true });
    const to = join(directory, name, 'to');
    await reader.restore(to, { snapshot: second });
    execFileSync('diff', ['-r', tree, join(to, 'shadow')]);
    await reader.close();
  });

  it('that the store refuses does not say that nobody can read what its keys still open', async () => {
    const { lab, tree } = await labWithFiles(`refused-${randomUUID()}`, { encrypted: true });
    writeFileSync(join(tree, 'a'), 'content');
    const { server, owner, store: storeId } = (await lab.backUp({ shadow: tree })).snapshot.header;
    const { stateDir, provider } = lab;
    const remove = async () => {
      throw new HoldfastError('STORE_DENIED', 'locked');
    };
    const store: Store = { ...putOnly(lab.store), capabilities: lab.store.capabilities, remove };
    Object.assign(store, { list: lab.store.list.bind(lab.store), head: lab.store.head.bind(lab.store) });

    const report = await eraseAccount({
      ...{ store, provider, storeId, stateDir, servers: [server], owner },
      ...{ reason: 'asked for', apply: true, world, signal },
    });

    expect(report).toMatchObject({ keys: 1, closed: 0, open: 1, plain: 0, servers: [{ snapshots: 1 }] });
    await lab.close();
  });
});

describe('keys that are gone from a store', () => {
  it('are not used any more: a new epoch begins, with a warning and a full', async () => {
    const { lab, tree } = await labWithFiles('gone', { encrypted: true });
    writeFileSync(join(tree, 'a'), 'content');
    await lab.backUp({ shadow: tree }, { level: 'full' });
    rmSync(join(lab.storePath, 'keys'), { recursive: true });
    await lab.close();
    const again = await openLab(join(directory, 'gone'), { chain: {}, encrypted: true });
    const { snapshot } = await again.backUp({ shadow: tree }, { level: 'incremental' });
    expect(snapshot.header).toMatchObject({ level: 'full', encryption: { epoch: 2 }, references: [] });
    expect(Object.keys(snapshot.body.warningCounts)).toEqual(['no-usable-parent']);
    expect(readdirSync(join(again.storePath, 'keys'), { recursive: true }).length).toBe(3);
    await again.close();
  });
});

describe('names of keys that somebody has planted', () => {
  const last = 99_999;
  const names = [`${last}-0`, '9007199254740993-0', `${'9'.repeat(22)}-0`, '00001-123456'];

  it('neither decide the number of the next epoch, nor keep what is encrypted to it from being opened', async () => {
    const name = `planted-${randomUUID()}`;
    const { lab, tree } = await labWithFiles(name, { encrypted: true });
    writeFileSync(join(tree, 'a'), 'content');
    const first = (await lab.backUp({ shadow: tree }, { level: 'full' })).snapshot;
    const { server, owner, encryption } = first.header;
    const keys = join(lab.storePath, 'keys', server, owner);
    for (const one of names) writeFileSync(join(keys, `${one}-00000000.age`), 'x');
    rmSync(join(keys, `00001-0-${encryption!.pair}.age`));

    const { snapshot } = await lab.backUp({ shadow: tree }, { level: 'incremental' });

    expect(snapshot.header).toMatchObject({ level: 'full', encryption: { epoch: 2 } });
    await lab.close();
    const reader = await openLab(join(directory, name), { encrypted: true });
    const to = join(directory, name, 'to');
    await reader.restore(to, { snapshot });
    execFileSync('diff', ['-r', tree, join(to, 'shadow')]);
    await reader.close();
  });

  it('stop backups in plain words where they leave no number', async () => {
    const { lab, tree } = await labWithFiles(`exhausted-${randomUUID()}`, { encrypted: true });
    writeFileSync(join(tree, 'a'), 'content');
    const { header } = (await lab.backUp({ shadow: tree }, { level: 'full' })).snapshot;
    const place = `${header.server}/${header.owner}`;
    rmSync(join(lab.storePath, 'keys', place), { recursive: true });
    const file = readdirSync(join(lab.stateDir, 'owner-keys'), { recursive: true, encoding: 'utf8' });
    const path = join(lab.stateDir, 'owner-keys', file.find((name) => name.endsWith('.json'))!);
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), epoch: last }));

    await expect(lab.backUp({ shadow: tree })).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
      message: `no number is left below keys/${place}/: names go up to ${last}`,
    });
    await lab.close();
  });
});

describe('a revision of a key that does not open', () => {
  it('does not hide the one below it, as somebody who can only write may want', async () => {
    const { lab, tree } = await labWithFiles('hidden', { encrypted: true });
    writeFileSync(join(tree, 'a'), 'content');
    const { snapshot } = await lab.backUp({ shadow: tree }, { level: 'full' });
    const keys = join(lab.storePath, 'keys');
    const [key] = readdirSync(keys, { recursive: true, encoding: 'utf8' }).filter((one) =>
      one.endsWith('.age'),
    );
    const other = key!.replace(
      /(\d+)-(\d+)-([0-9a-f]{8}\.age)$/,
      (_, epoch, revision, rest) => `${epoch}-${Number(revision) + 1}-${rest}`,
    );
    expect(other).not.toBe(key);
    writeFileSync(join(keys, other), 'nothing that opens');
    await lab.close();
    const again = await openLab(join(directory, 'hidden'), { chain: {}, encrypted: true });
    const to = join(directory, 'hidden/to');
    await again.restore(to, { snapshot });
    execFileSync('diff', ['-r', tree, join(to, 'shadow')]);
    expect((await again.rescue('verify', snapshot.name)).status).toBe(0);
    await again.close();
  });
});
