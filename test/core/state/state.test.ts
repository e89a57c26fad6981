import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPathStamp } from '../../../src/core/filesystem/path-xattrs.ts';
import type { Account } from '../../../src/core/index.ts';
import { accountXattr } from '../../../src/core/state/carried-ids.ts';
import { openState, type State, type StateDependencies } from '../../../src/core/state/state.ts';

let root: string;
let stateDir: string;
let nowMs: number;
const dayMs = 24 * 60 * 60 * 1000;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
  stateDir = join(root, 'deep/state');
  nowMs = Date.UTC(2026, 10, 21);
});
afterEach(() => rm(root, { recursive: true }));

/** The attributes themselves are real, set by the tools of the package attr. */
const deps = (): StateDependencies => ({
  now: () => nowMs,
  newUuid: () => randomUUID(),
  machineId: async () => 'machine-one\n',
  readXattr: async (path, name) => {
    try {
      return execFileSync('getfattr', ['--only-values', '-n', name, path], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    } catch {
      return null;
    }
  },
  readStamp: readPathStamp,
  writeXattr: async (path, name, value) => {
    execFileSync('setfattr', ['-n', name, '-v', Buffer.from(value).toString(), path]);
  },
});
/** A file system that keeps no attributes. */
const barren = (): StateDependencies => ({
  ...deps(),
  readXattr: async () => null,
  writeXattr: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTSUP' })),
});
const open = (given: Partial<StateDependencies> = {}): Promise<State> =>
  openState(stateDir, { ...deps(), ...given });

async function account(site: string, domain: string | null = `${site}.test`): Promise<Account> {
  const home = join(root, site);
  await mkdir(home, { recursive: true });
  return {
    site,
    home,
    domain,
    aliases: [],
    plan: null,
    state: 'active',
    problem: null,
    owner: null,
    trees: [],
    databases: [],
    metadata: {},
  };
}

describe('the server', () => {
  it('keeps its UUID', async () => {
    const first = await open();
    const second = await open();

    expect(second.server).toEqual(first.server);
    expect(second.notes).toEqual([]);
    expect(await first.accountId({ ...(await account('_system')), home: null })).toBe(
      first.server.systemUuid,
    );
  });

  it('gets another UUID on another machine, and says so', async () => {
    const original = await open();
    const clone = await open({ machineId: async () => 'machine-two' });

    expect(clone.server.uuid).not.toBe(original.server.uuid);
    expect(clone.server.systemUuid).not.toBe(original.server.systemUuid);
    expect(clone.server.previous).toEqual([{ uuid: original.server.uuid, untilMs: nowMs }]);
    expect(clone.notes[0]).toContain(original.server.uuid);
    expect((await open({ machineId: async () => 'machine-two' })).server).toEqual(clone.server);
  });

  it('takes note of a machine id that turns up later, and does without one', async () => {
    const first = await open({ machineId: async () => null });

    expect((await open()).server).toEqual(first.server);
    expect((await open({ machineId: async () => null })).server).toEqual(first.server);
    expect((await open({ machineId: async () => 'machine-two' })).server.uuid).not.toBe(first.server.uuid);
  });

  it('is one, however many processes open a new state at once', async () => {
    const states = await Promise.all(Array.from({ length: 8 }, () => open()));

    expect(new Set(states.map(({ server }) => server.uuid)).size).toBe(1);
  });
});

describe('the directory', () => {
  it('is 0700 with files of 0600 that name no machine', async () => {
    const state = await open();
    await state.accountId(await account('site1'));
    await state.rememberStore('nightly', 'store-1');

    expect((await lstat(stateDir)).mode & 0o7777).toBe(0o700);
    const files = await readdir(stateDir);
    expect(files.sort()).toEqual(['accounts.json', 'server.json', 'stores.json']);
    for (const name of files) {
      expect((await lstat(join(stateDir, name))).mode & 0o7777).toBe(0o600);
      expect(await readFile(join(stateDir, name), 'utf8')).not.toContain('machine-one');
    }
  });

  it.each([
    ['0777', (path: string) => chmod(path, 0o777)],
    ['of a stranger', (path: string) => chown(path, 1001, 1001)],
  ])('is refused when it is %s', async (_, spoil) => {
    await mkdir(stateDir, { recursive: true });
    await spoil(stateDir);

    await expect(open()).rejects.toMatchObject({ code: 'CONFIG_INVALID', hint: expect.any(String) });
  });

  it('that cannot be made is a missing prerequisite', async () => {
    await writeFile(join(root, 'deep'), '');

    await expect(open()).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
  });

  it.each([
    ['accounts.json', { accounts: [{ uuid: randomUUID(), home: null, marked: true, attributes: [] }] }],
    ['server.json', { version: 1, uuid: randomUUID(), systemUuid: '7', machine: null, previous: [] }],
    ['stores.json', { stores: { nightly: 7 } }],
  ])('with a %s that is JSON of another shape keeps it aside too', async (name, value) => {
    await open();
    await writeFile(join(stateDir, name), JSON.stringify(value));

    expect((await open()).notes).toHaveLength(1);
    expect(await readdir(stateDir)).toContainEqual(expect.stringMatching(`${name}.broken-`));
  });

  it.each([[[7]], ['none']])(
    'stays the same server where its UUIDs before are %j, and says so once',
    async (bad) => {
      const { uuid } = (await open()).server;
      const path = join(stateDir, 'server.json');
      const good = { uuid: randomUUID(), untilMs: 1 };
      const previous = Array.isArray(bad) ? [...bad, good, { ...good, untilMs: 1.5 }] : bad;
      await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), previous }));

      const state = await open();

      expect(state.server).toMatchObject({ uuid, previous: Array.isArray(bad) ? [good] : [] });
      expect(state.notes).toEqual([expect.stringContaining('server.json.broken-')]);
      expect((await open()).notes).toEqual([]);
      expect(JSON.parse(await readFile(`${path}.broken-${nowMs}`, 'utf8'))).toMatchObject({ previous });
    },
  );

  it('with damaged files goes on without them, keeps them aside, and says so', async () => {
    const before = await open();
    for (const name of ['accounts.json', 'server.json', 'stores.json']) {
      await writeFile(join(stateDir, name), '{"version": 1, "accounts": [{}], "stores": []');
    }

    const state = await open();

    expect(state.notes).toHaveLength(3);
    expect(state.server.uuid).not.toBe(before.server.uuid);
    expect((await readdir(stateDir)).filter((name) => name.includes('.broken-'))).toHaveLength(3);
  });
});

describe('an account', () => {
  it('keeps its UUID on its directory, and so without the state too', async () => {
    const site1 = await account('site1');
    const state = await open();

    expect(await state.knownAccountId(site1)).toBeNull();
    const uuid = await state.accountId(site1);

    expect(await state.accountId(site1)).toBe(uuid);
    expect((await deps().readXattr(site1.home ?? '', accountXattr))?.toString()).toBe(uuid);
    await rm(stateDir, { recursive: true });
    expect(await (await open()).accountId(site1)).toBe(uuid);
  });

  it('keeps its UUID under a new site and domain, with the dates of both', async () => {
    const before = await account('site1', 'old.test');
    const uuid = await (await open()).accountId(before);
    await rename(before.home ?? '', join(root, 'site9'));
    nowMs += 3 * dayMs;

    const state = await open();

    expect(await state.accountId(await account('site9', 'new.test'))).toBe(uuid);
    expect((await open()).accounts()).toMatchObject([
      {
        uuid,
        home: join(root, 'site9'),
        marked: true,
        attributes: [
          {
            site: 'site1',
            domain: 'old.test',
            firstSeenMs: nowMs - 3 * dayMs,
            lastSeenMs: nowMs - 3 * dayMs,
          },
          { site: 'site9', domain: 'new.test', firstSeenMs: nowMs, lastSeenMs: nowMs },
        ],
      },
    ]);
    expect(state.sites().get(uuid)).toBe('site9');
  });

  it('on a site number that is used again is another one', async () => {
    const first = await account('site1');
    const uuid = await (await open()).accountId(first);
    await rm(first.home ?? '', { recursive: true });
    nowMs += 1;

    const state = await open();
    const other = await state.accountId(await account('site1'));

    expect(other).not.toBe(uuid);
    expect(state.sites().get(other)).toBe('site1');
    expect(state.sites().has(uuid)).toBe(false);
    expect(state.accounts()).toHaveLength(2);
  });

  it('is told of as the one before for a week, where the directory no longer carries its UUID', async () => {
    const given = await account('site1');
    const home = given.home ?? '';
    const state = await open();
    const uuid = await state.accountId(given);
    expect(state.former(given, uuid)).toBeNull();

    execFileSync('setfattr', ['-x', accountXattr, home]);
    nowMs += dayMs;
    expect(state.former(given, null)?.uuid).toBe(uuid);
    const other = await state.accountId(given);
    expect(state.former(given, other)).toMatchObject({ uuid, home });
    expect(state.former({ ...given, domain: 'other.test' }, other)).toBeNull();
    nowMs += 8 * dayMs;
    expect(state.former(given, other)).toBeNull();
    nowMs -= 8 * dayMs - 1;

    execFileSync('setfattr', ['-n', accountXattr, '-v', uuid, home]);
    expect(await state.accountId(given)).toBe(uuid);
    expect(state.sites().get(uuid), 'on the same day').toBe('site1');
    expect(state.former(given, uuid)).toBeNull();
  });

  it('is told of as the one before each time its directory is missing, however long ago the first was', async () => {
    const given = await account('site1');
    const home = given.home ?? '';
    const uuid = await (await open()).accountId(given);
    await rename(home, `${home}.disk`);
    await mkdir(home);
    nowMs += dayMs;
    const other = await (await open()).accountId(given);
    await rename(home, `${home}.mountpoint`);
    await rename(`${home}.disk`, home);
    nowMs += dayMs;
    const mounted = await open();
    expect(await mounted.accountId(given)).toBe(uuid);
    expect(mounted.former(given, uuid)).toBeNull();

    nowMs += 30 * dayMs;
    await rename(home, `${home}.disk`);
    await rename(`${home}.mountpoint`, home);
    const state = await open();
    expect(state.former(given, other)?.uuid, 'before it is seen').toBe(uuid);
    expect(await state.accountId(given)).toBe(other);
    nowMs += 6 * dayMs;
    const later = await open();
    expect(await later.accountId(given)).toBe(other);
    expect(later.former(given, other)?.uuid).toBe(uuid);
    nowMs += 2 * dayMs;
    expect(later.former(given, other)).toBeNull();
  });

  it('that was copied with its attributes is another one, while the original is there', async () => {
    const state = await open();
    const uuid = await state.accountId(await account('site1'));
    execFileSync('cp', ['-a', join(root, 'site1'), join(root, 'site2')]);
    const copy = await account('site2');

    expect(await state.knownAccountId(copy)).toBeNull();
    const other = await state.accountId(copy);

    expect(other).not.toBe(uuid);
    expect(await state.accountId(await account('site1'))).toBe(uuid);
    expect(await (await open()).accountId(copy)).toBe(other);
  });

  it('whose directory carries nonsense gets a UUID', async () => {
    const site1 = await account('site1');
    await deps().writeXattr(site1.home ?? '', accountXattr, Buffer.from('../../etc'));

    expect(await (await open()).accountId(site1)).toMatch(/^[0-9a-f-]{36}$/);
  });

  describe('seen a minute after its directory changed', () => {
    let asked: string[];
    const counting = (): Promise<State> =>
      open({
        readXattr: (path, name) => {
          asked.push(path);
          return deps().readXattr(path, name);
        },
      });

    beforeEach(() => {
      asked = [];
      nowMs = Date.now() + 120_000;
    });

    it('is known by the directory alone while that stays as it is, to other processes too', async () => {
      const site1 = await account('site1');
      await (await open()).accountId(site1);
      const uuid = await (await open()).accountId(site1);

      const state = await counting();

      expect([await state.knownAccountId(site1), await state.accountId(site1)]).toEqual([uuid, uuid]);
      expect(asked).toEqual([]);
    });

    it('is asked for its UUID again when the directory changes, and when another takes its place', async () => {
      const site1 = await account('site1');
      const home = site1.home ?? '';
      await (await open()).accountId(site1);
      await (await open()).accountId(site1);
      const another = randomUUID();
      await deps().writeXattr(home, accountXattr, Buffer.from(another));

      expect(await (await counting()).knownAccountId(site1)).toBe(another);
      await rename(home, `${home}.old`);
      await account('site1');
      expect(await (await counting()).knownAccountId(site1)).toBeNull();
      expect(asked).toContain(home);
    });

    it('is asked for its UUID again where the clock tells nothing of the change', async () => {
      const site1 = await account('site1');
      await (await open()).accountId(site1);
      nowMs = Date.now() - dayMs;
      const uuid = await (await open()).accountId(site1);

      expect(await (await counting()).knownAccountId(site1)).toBe(uuid);
      expect(asked).toEqual([site1.home]);
    });
  });

  it('on a file system without attributes is remembered by site, domain and directory', async () => {
    const site1 = await account('site1');
    const state = await open(barren());
    const uuid = await state.accountId(site1);

    expect(state.notes).toEqual(['site1: its directory cannot carry its UUID (ENOTSUP)']);
    expect(await (await open(barren())).accountId(site1)).toBe(uuid);
    expect(await (await open(barren())).accountId({ ...site1, domain: 'other.test' })).not.toBe(uuid);
  });

  it('whose directory is gone is still known by its site', async () => {
    const site1 = await account('site1');
    const state = await open();
    const uuid = await state.accountId(site1);

    expect(await state.accountId({ ...site1, home: null })).toBe(uuid);
    expect(state.accounts()[0]).toMatchObject({ home: site1.home, marked: true });
  });

  it('is written down with the others that are seen at the same time, in few writes', async () => {
    const state = await open();
    const seen = await Promise.all(Array.from({ length: 60 }, (_, i) => account(`site${i + 1}`)));

    const uuids = await Promise.all(seen.map((one) => state.accountId(one)));

    expect(new Set(uuids).size).toBe(60);
    expect(
      (await open())
        .accounts()
        .map(({ uuid }) => uuid)
        .sort(),
    ).toEqual([...uuids].sort());
  });

  it('is written down with all others at once where a run sees them all', async () => {
    const state = await open();
    const accounts = await Promise.all(['site1', 'site2', 'site3'].map((site) => account(site)));
    const failing = await open({
      readXattr: (path, name) =>
        path.endsWith('site2') ? Promise.reject(new Error('EIO')) : deps().readXattr(path, name),
    });

    await failing.sightAll(accounts);

    expect((await open()).accounts().map(({ attributes }) => attributes[0].site)).toEqual(['site1', 'site3']);
    await expect(failing.accountId(accounts[1]!)).rejects.toThrow('EIO');
    expect(await state.knownAccountId(accounts[1]!)).toBeNull();
  });

  it('is not forgotten when two processes write in turn', async () => {
    const [one, two] = [await open(), await open()];
    await one.accountId(await account('site1'));
    await two.accountId(await account('site2'));
    await one.accountId(await account('site3'));

    expect((await open()).accounts()).toHaveLength(3);
  });
});

describe('a store', () => {
  it('is remembered by addin configuration', async () => {
    const state = await open();
    expect(state.storeId('nightly')).toBeNull();
    await state.rememberStore('nightly', 'one');
    await (await open()).rememberStore('__proto__', 'two');
    await state.rememberStore('nightly', 'three');

    const later = await open();

    expect(later.storeId('nightly')).toBe('three');
    expect(later.storeId('__proto__')).toBe('two');
    expect(later.storeId('toString')).toBeNull();
  });

  it('was used by this server on whatever machine, and not by one whose identity was lost', async () => {
    const state = await open();
    expect(state.hasUsedStore('nightly')).toBe(false);
    await state.rememberStore('nightly', 'one');
    expect(state.hasUsedStore('nightly')).toBe(true);
    expect((await open({ machineId: async () => 'another' })).hasUsedStore('nightly')).toBe(true);
    await rm(join(stateDir, 'server.json'));

    const anew = await open();

    expect([anew.storeId('nightly'), anew.hasUsedStore('nightly')]).toEqual(['one', false]);
    await anew.rememberStore('nightly', 'one');
    expect((await open()).hasUsedStore('nightly')).toBe(true);
  });
});
