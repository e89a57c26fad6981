import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fileBodies } from '../../../src/addins/local/file-bodies.ts';
import type { Store } from '../../../src/core/index.ts';
import { isPackageNumber, packageUser } from '../../../src/core/isolation/addin-user.ts';
import { handOver, takeBack } from '../../../src/core/isolation/hand-over.ts';
import { inspectIsolation } from '../../../src/core/isolation/inspect.ts';
import { type AddinPlace, openStoreApart } from '../../../src/core/isolation/isolate.ts';
import { processOf } from '../../../src/core/isolation/isolated-store.ts';
import { shelterHome } from '../../../src/core/isolation/shelter-launch.ts';
import { collect } from '../../../src/core/streams.ts';
import { rootOfCheckout } from '../../support/isolated.ts';

const { signal } = new AbortController();
const user = { uid: 65521, gid: 65521 };
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-protections-'));
  mkdirSync(join(dir, 'accounts/site1'), { recursive: true });
  writeFileSync(join(dir, 'accounts/site1/private'), 'x');
  writeFileSync(join(dir, 'credentials'), 'root alone may read this', { mode: 0o600 });
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

const world = () => ({ env: { PATH: '/usr/bin', OTHER_SECRET: 'x' }, accounts: [join(dir, 'accounts')] });

function place(change: Partial<AddinPlace> & Pick<AddinPlace, 'opening'>): AddinPlace {
  const user = async () => packageUser(65_522);
  return { name: 'the store', root: rootOfCheckout, whose: 'own', needs: {}, secrets: [], user, ...change };
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Of a launch that stands between us and it. */
function processBelow(pid: number | null | undefined): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return Number(child);
}

const localPlace = (path: string, change: Partial<AddinPlace> = {}) =>
  place({
    ...change,
    opening: { module: join(rootOfCheckout, 'src/addins/local/index.ts'), exported: 'localStore' },
    needs: { directory: path, network: false },
  });

async function using<T>(store: Store, work: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

describe('the process of a store', () => {
  it('has a user of its own, no capabilities, no groups, no network, and no descriptors of ours', async () => {
    const path = join(dir, 'new/store');
    await using(await openStoreApart(localPlace(path), { use: 'local', path }, world()), async (store) => {
      await store.put({ key: 'data/a', body: one('hello'), signal });
      const pid = await processOf(store);
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');

      expect(status).toMatch(/^Uid:\s+65521\s+65521\s+65521\s+65521$/m);
      expect(status).toMatch(/^Groups:\s*$/m);
      expect(status).toMatch(/^CapBnd:\s+0+$/m);
      expect(status).toMatch(/^CapPrm:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      for (const space of ['mnt', 'net']) {
        expect(readlinkSync(`/proc/${pid}/ns/${space}`)).not.toBe(readlinkSync(`/proc/self/ns/${space}`));
      }
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('OTHER_SECRET');
      expect(readdirSync(`/proc/${pid}/root${dir}`)).toEqual(['new']);
      const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      expect(files.filter((target) => target.startsWith('/') && target !== '/dev/null')).toEqual([]);
    });

    expect(statSync(path)).toMatchObject({ uid: 65521 });
    expect(readFileSync(join(path, 'data/a'), 'utf8')).toBe('hello');
  });

  it.each(['over the socket', 'in a file that it opened'])(
    'leaves nothing half-visible when it is killed in the middle of a put %s, and another one clears up',
    async (way) => {
      const path = join(dir, `killed ${way}`);
      const files = way.includes('file') ? { files: async () => fileBodies } : {};
      const unfinished = () => (existsSync(join(path, '.tmp~')) ? readdirSync(join(path, '.tmp~')) : []);
      const opened = await openStoreApart(localPlace(path, files), { use: 'local', path }, world());
      await using(opened, async (store) => {
        const body = (async function* () {
          yield Buffer.alloc(3_000_000);
          while (unfinished().length === 0) await delay(5);
          process.kill((await processOf(store))!, 'SIGKILL');
          yield Buffer.alloc(3_000_000);
        })();

        await expect(store.put({ key: 'data/a', body, signal })).rejects.toMatchObject({
          code: 'ADDIN_FAILED',
        });
        expect(await store.head({ key: 'data/a', signal })).toBeNull();
        expect(unfinished()).toHaveLength(1);
        await store.put({ key: 'data/a', body: one('whole'), signal });
        expect(unfinished()).toEqual([]);
        expect(readFileSync(join(path, 'data/a'), 'utf8')).toBe('whole');
        rmSync(path, { recursive: true });
      });
    },
  );

  it('gets to its home also where the first command that made it let nobody in', async () => {
    chmodSync(dirname(shelterHome), 0o700);
    const kept = join(dir, 'beside-a-closed-home');
    mkdirSync(kept);
    const store = await openStoreApart(localPlace(kept), { path: kept }, world());

    await using(store, async () => expect(statSync(dirname(shelterHome)).mode & 0o777).toBe(0o755));
  });

  it('sees the files it needs as copies, and neither accounts nor what it was not given', async () => {
    const module = join(rootOfCheckout, 'test/core/isolation/bad-stores.ts');
    const settings = { file: join(dir, 'credentials'), accounts: join(dir, 'accounts') };
    const files = [settings.file];
    for (const whose of ['own', 'strangers'] as const) {
      const spy = place({
        opening: { module, exported: 'spy' },
        whose,
        needs: whose === 'own' ? { files } : {},
      });
      const seen = await using(await openStoreApart(spy, settings, world()), async (store) =>
        JSON.parse((await store.head({ key: 'a', signal }))!.key),
      );

      expect(seen).toMatchObject({
        file: whose === 'own' ? 'root alone may read this' : expect.stringMatching(/^E(ACCES|NOENT)$/),
        accounts: whose === 'own' ? 'ENOENT' : expect.stringMatching(/^E(ACCES|NOENT)$/),
        shadow: 'EACCES',
        env: ['HOME', 'PATH', 'XDG_RUNTIME_DIR'],
      });
      if (whose === 'strangers') expect(seen.processes).toBe(1);
    }
  });

  it('reaches what a link in a closed directory leads to, at the path of its settings', async () => {
    const [closed, path] = [join(dir, 'closed'), join(dir, 'linked/store')];
    mkdirSync(path, { recursive: true });
    mkdirSync(closed, { mode: 0o700 });
    symlinkSync('../linked', join(closed, 'link'));
    symlinkSync(join(dir, 'credentials'), join(closed, 'credentials'));
    const written = join(closed, 'link/store');
    await using(
      await openStoreApart(localPlace(written), { use: 'local', path: written }, world()),
      async (store) => {
        await store.put({ key: 'data/a', body: one('hello'), signal });
        expect(readdirSync(`/proc/${await processOf(store)}/root${closed}`)).toEqual(['link']);
      },
    );
    expect(readFileSync(join(path, 'data/a'), 'utf8')).toBe('hello');

    const file = join(closed, 'credentials');
    const module = join(rootOfCheckout, 'test/core/isolation/bad-stores.ts');
    const spy = place({ opening: { module, exported: 'spy' }, needs: { files: [file] } });
    const opened = await openStoreApart(spy, { file, accounts: file }, world());
    const seen = await using(opened, async (store) => (await store.head({ key: 'a', signal }))!.key);
    expect(JSON.parse(seen).file).toBe('root alone may read this');
  });

  it('of a package has a limit of processes and shared memory of its own, and leaves no process behind', async () => {
    const module = join(rootOfCheckout, 'test/core/isolation/bad-stores.ts');
    const seconds = `${86_400 + process.pid}.25`;
    const sleeping = () =>
      readdirSync('/proc')
        .filter((name) => Number(name) > 0)
        .filter((pid) => commandOf(pid).includes(seconds));
    const opening = { module, exported: 'leavesBehind' };
    const stranger = place({ opening, whose: 'strangers' });
    await using(await openStoreApart(stranger, { seconds }, world()), async (store) => {
      expect(await store.head({ key: 'a', signal })).toBeNull();
      expect(sleeping()).toHaveLength(1);
      const [pid] = sleeping();
      expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/^Max processes +1024 +1024 /m);
      expect(readFileSync(`/proc/${pid}/mounts`, 'utf8')).toMatch(
        /^holdfast \/dev\/shm tmpfs .*size=65536k/m,
      );
    });
    await vi.waitFor(() => expect(sleeping()).toEqual([]), { timeout: 10_000 });
  });

  it('finds nothing missing on this host', async () => {
    expect((await inspectIsolation(world())).missing).toEqual([]);
  });
});

describe('the directory of a store', () => {
  const make = (name: string, files: readonly string[]): string => {
    const path = join(dir, name);
    mkdirSync(join(path, 'data'), { recursive: true, mode: 0o700 });
    for (const file of files) writeFileSync(join(path, file), '{}', { mode: 0o600 });
    return path;
  };
  const ownerOf = (path: string): number => statSync(path).uid;

  it('is handed to its user with all that a store has, and with nothing else', async () => {
    const path = make('old', ['holdfast.json', 'data/a', 'notes.txt']);

    expect(await handOver(path, user)).toEqual(user);
    expect(['', 'holdfast.json', 'data', 'data/a'].map((name) => ownerOf(join(path, name)))).toEqual(
      Array.from({ length: 4 }, () => 65521),
    );
    expect(ownerOf(join(path, 'notes.txt'))).toBe(0);
  });

  it('is handed over again after root has written there without isolation', async () => {
    const path = make('mixed', ['holdfast.json']);
    await handOver(path, user);
    await takeBack(path, user);
    writeFileSync(join(path, 'data/b'), 'by root');

    expect(await handOver(path, user)).toEqual(user);
    expect(ownerOf(join(path, 'data/b'))).toBe(65521);
  });

  it('takes what root puts into it later, and follows no link out of it', async () => {
    const path = make('added', ['holdfast.json']);
    const outside = join(dir, 'outside');
    writeFileSync(outside, 'of root');
    const settings = { use: 'local', path };
    await using(await openStoreApart(localPlace(path), settings, world()), async (store) => {
      for (const name of ['copied', 'replaced']) {
        writeFileSync(join(path, `data/${name}`), name, { mode: 0o600 });
      }
      mkdirSync(join(path, 'data/made'), { mode: 0o700 });
      symlinkSync(outside, join(path, 'data/link'));

      expect(await store.head({ key: 'data/made/x', signal })).toBeNull();
      expect((await collect(store.get({ key: 'data/copied', signal }), 100)).toString()).toBe('copied');
      await store.put({ key: 'data/made/x', body: one('new'), signal });
    });
    expect(['data/copied', 'data/replaced', 'data/made'].map((name) => ownerOf(join(path, name)))).toEqual(
      Array.from({ length: 3 }, () => 65521),
    );
    expect(ownerOf(outside)).toBe(0);
  });

  it('is handed to strangers where it is new, and makes them nobody else where it is not', async () => {
    const [empty, foreign] = [join(dir, 'strangers'), make('root-s', ['notes.txt'])];
    mkdirSync(empty);
    for (const [path, owner] of [
      [empty, 65_522],
      [foreign, 0],
    ] as const) {
      const stranger = place({
        ...localPlace(path),
        whose: 'strangers',
      });
      await using(await openStoreApart(stranger, { use: 'local', path }, world()), async (store) => {
        expect(statSync(`/proc/${processBelow(await processOf(store))}`).uid).toBe(65_522);
      });
      expect(ownerOf(path)).toBe(owner);
    }
  });

  it('of an addin of a package follows it to another number, with all that was its own', async () => {
    const path = make('moved', ['anything', 'of-root']);
    for (const name of ['', 'data', 'anything']) chownSync(join(path, name), 65_533, 65_533);
    const next = { uid: 65_530, gid: 65_530 };

    expect(await handOver(path, user)).toEqual({ uid: 65_533, gid: 65_533 });
    expect(await handOver(path, next, isPackageNumber)).toEqual(next);
    expect(['', 'data', 'anything', 'of-root'].map((name) => ownerOf(join(path, name)))).toEqual([
      ...[65_530, 65_530, 65_530],
      0,
    ]);
  });

  it('stays as it is where it is no store, or where others can change it', async () => {
    const foreign = make('foreign', ['notes.txt']);
    const shared = make('shared', ['holdfast.json']);
    chmodSync(shared, 0o777);

    expect(await handOver(foreign, user)).toEqual({ uid: 0, gid: 0 });
    expect(await handOver(shared, user)).toEqual({ uid: 0, gid: 0 });
    expect([ownerOf(foreign), ownerOf(shared)]).toEqual([0, 0]);
  });
});

describe('a thread that works on accounts', () => {
  it('reaches nothing, while the others of its process do', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const worker = new Worker(join(import.meta.dirname, 'leaving-thread.ts'), { workerData: port });
    const said = await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    const ours = connect(port, '127.0.0.1');
    await new Promise((resolve) => ours.once('connect', resolve));
    ours.destroy();
    server.close();

    expect(said).toBe('ENETUNREACH');
  });
});

async function* one(text: string) {
  yield Buffer.from(text);
}
