import { execFileSync } from 'node:child_process';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Account, Panel } from '../../../src/core/index.ts';
import { ApiscpPanel, apiscpPanel, thisHost } from '../../../src/panels/apiscp/apiscp-panel.ts';
import { buildSamplePanel, type SamplePanel } from '../../support/sample-panel.ts';

const signal = new AbortController().signal;
let root: string;
let virtual: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-apiscp-'));
  virtual = join(root, 'home/virtual');
  await mkdir(virtual, { recursive: true });
});
afterEach(() => rm(root, { recursive: true, force: true }));

type Services = Readonly<Record<string, string>>;
const siteinfo = 'domain=exa.test\nadmin_user=exa\nadmin=admin12\nplan=basic\n';

async function makeSite(
  site: string,
  services: Services = { siteinfo },
  generation = 'current',
): Promise<string> {
  const home = join(virtual, site);
  await mkdir(join(home, 'info', generation), { recursive: true });
  for (const part of ['shadow/home', 'fst', 'info/new', 'info/work'])
    await mkdir(join(home, part), { recursive: true });
  for (const [name, text] of Object.entries(services)) {
    await writeFile(join(home, 'info', generation, name), `[DEFAULT]\nversion=3.1\nenabled=1\n${text}`);
  }
  return home;
}

const open = (): Promise<Panel> => apiscpPanel.open({ use: 'apiscp', root });
const accounts = async () => (await open()).accounts({ signal });
async function account(site: string): Promise<Account> {
  const found = (await accounts()).find((one) => one.site === site);
  if (found === undefined) throw new Error(`no ${site}`);
  return found;
}

describe('a sample server', () => {
  let sample: SamplePanel;
  let sampleRoot: string;
  beforeAll(async () => {
    sampleRoot = await mkdtemp(join(tmpdir(), 'holdfast-apiscp-sample-'));
    sample = await buildSamplePanel(sampleRoot, { accounts: 12, filesPerAccount: 5 });
  });
  afterAll(() => rm(sampleRoot, { recursive: true }));

  it('has its accounts in natural order, each once, and its system files last', async () => {
    const panel = await apiscpPanel.open({ use: 'apiscp', root: sample.root });

    const listed = await panel.accounts({ signal });

    expect(listed.map(({ site }) => site)).toEqual([...sample.accounts.map(({ site }) => site), '_system']);
    for (const [index, expected] of sample.accounts.entries()) {
      expect(listed[index]).toMatchObject({
        home: expected.home,
        domain: expected.domain,
        aliases: expected.aliases,
        state: expected.state,
        problem: null,
        owner: { uid: expected.uid, gid: expected.gid },
      });
      expect(listed[index]?.databases.find(({ family }) => family === 'mysql')?.prefix).toBe(expected.prefix);
    }
  });
});

describe('accounts', () => {
  it('are described whole', async () => {
    const home = await makeSite('site12', {
      siteinfo,
      aliases: "aliases=['WWW.exa.test', 'shop.test', 'shop.test']\nmax=None\n",
      mysql: 'dbaseprefix=exa_\ndbaseadmin=exa\npasswd=hunter2\n',
      pgsql: "dbaseprefix='exa_'\ndbaseadmin=None\ntablespace=None\n",
      dns: 'key=hunter2\n',
    });
    await mkdir(join(home, 'shadow/home/exa'));
    await chown(join(home, 'shadow/home/exa'), 1012, 1013);

    expect(await account('site12')).toEqual({
      site: 'site12',
      home,
      domain: 'exa.test',
      aliases: ['www.exa.test', 'shop.test'],
      plan: 'basic',
      state: 'active',
      problem: null,
      owner: { uid: 1012, gid: 1013 },
      trees: [
        { name: 'shadow', path: join(home, 'shadow'), exclude: ['var/lib/mysql', 'var/lib/pgsql'] },
        { name: 'info', path: join(home, 'info'), exclude: ['work', 'index'] },
      ],
      databases: [
        {
          family: 'mysql',
          prefix: 'exa_',
          admin: 'exa',
          names: [],
          dumps: { tree: 'shadow', path: 'home/exa/mysql_backups', keep: 5 },
        },
        { family: 'postgresql', prefix: 'exa_', admin: null, names: [] },
      ],
      metadata: {
        siteinfo: {
          version: '3.1',
          enabled: 1,
          domain: 'exa.test',
          admin_user: 'exa',
          admin: 'admin12',
          plan: 'basic',
        },
        aliases: {
          version: '3.1',
          enabled: 1,
          aliases: ['WWW.exa.test', 'shop.test', 'shop.test'],
          max: null,
        },
        mysql: { version: '3.1', enabled: 1, dbaseprefix: 'exa_', dbaseadmin: 'exa' },
        pgsql: { version: '3.1', enabled: 1, dbaseprefix: 'exa_', dbaseadmin: null, tablespace: null },
      },
    });
  });

  it('end with the system files the vendor recommends', async () => {
    expect(await account('_system')).toMatchObject({
      home: null,
      trees: [
        {
          name: 'system',
          path: root,
          exclude: [],
          include: ['var/log/mailer_table*', 'var/lib/mysql/mysql-grants*', 'var/lib/pgsql/*/backups'],
        },
      ],
      databases: [],
    });
  });

  it('are real directories only, named site and a number', async () => {
    await makeSite('site2');
    await makeSite('site10');
    for (const link of ['exa.test', 'admin2', 'site3']) await symlink('site2', join(virtual, link));
    for (const name of ['site', 'site07', 'site2.bak', 'FILESYSTEMTEMPLATE'])
      await mkdir(join(virtual, name));
    await writeFile(join(virtual, 'site4'), '');

    expect((await accounts()).map(({ site }) => site)).toEqual(['site2', 'site10', '_system']);
  });

  it('are read from info/cur where there is no info/current', async () => {
    await makeSite('site1', { siteinfo }, 'cur');

    expect(await account('site1')).toMatchObject({ domain: 'exa.test', problem: null });
  });

  it('are suspended while info/disabled exists, and editing while info/new holds anything', async () => {
    const home = await makeSite('site1');
    expect((await account('site1')).state).toBe('active');
    await writeFile(join(home, 'info/disabled'), '; reason');
    expect((await account('site1')).state).toBe('suspended');
    await writeFile(join(home, 'info/new/aliases'), '');
    expect((await account('site1')).state).toBe('editing');
  });

  it('keep databases of a service that is switched off', async () => {
    await makeSite('site1', { siteinfo, mysql: 'enabled=0\ndbaseprefix=exa_\n' });

    expect((await account('site1')).databases).toEqual([
      {
        family: 'mysql',
        prefix: 'exa_',
        admin: null,
        names: [],
        dumps: { tree: 'shadow', path: 'home/exa/mysql_backups', keep: 5 },
      },
    ]);
  });

  it('of a server without home/virtual are PANEL_UNREADABLE', async () => {
    await rm(virtual, { recursive: true });

    await expect(accounts()).rejects.toMatchObject({ code: 'PANEL_UNREADABLE', hint: expect.any(String) });
  });
});

describe('the cache', () => {
  /** Long after whatever the test changed, as far as the panel knows. */
  const list = async ({ laterMs = 3_600_000, brief = false } = {}) => {
    const cache = { path: join(root, 'cache.json'), nowMs: Date.now() + laterMs };
    return (await (await open()).accounts({ signal, cache, brief })).slice(0, -1);
  };
  const forge = async (domain: string) => {
    const text = await readFile(join(root, 'cache.json'), 'utf8');
    await writeFile(join(root, 'cache.json'), text.replaceAll('exa.test', domain));
  };

  it.each<[string, (home: string) => Promise<unknown>]>([
    ['a service file', (home) => writeFile(join(home, 'info/current/aliases'), 'x')],
    ['the state', (home) => writeFile(join(home, 'info/disabled'), '')],
    ['a pending edit', (home) => writeFile(join(home, 'info/new/aliases'), '')],
    ["the administrator's home", (home) => mkdir(join(home, 'shadow/home/exa'))],
    ['the tree', (home) => rm(join(home, 'shadow'), { recursive: true })],
    ['the metadata', (home) => rm(join(home, 'info/current'), { recursive: true })],
    ['nothing of the first, but the second account', () => makeSite('site2')],
  ])('spares reading until %s changes', async (what, change) => {
    const home = await makeSite('site1');
    const first = await list();
    expect(await list()).toEqual(first);
    await forge('kept.test');

    expect((await list())[0]?.domain).toBe('kept.test');

    await change(home);
    const listed = await list();
    expect(listed).toEqual(what.startsWith('nothing') ? expect.anything() : (await accounts()).slice(0, -1));
    if (what.startsWith('nothing'))
      expect(listed.map(({ domain }) => domain)).toEqual(['kept.test', 'exa.test']);
  });

  it('holds nothing that changed a moment ago, nothing with a problem, and may be nonsense', async () => {
    await makeSite('site1');
    await list({ laterMs: 0 });
    await expect(readFile(join(root, 'cache.json'))).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(join(root, 'cache.json'), '{"format":');
    await rm(join(await makeSite('site2'), 'info/current/siteinfo'));

    await list();

    const [, sites] = (await readFile(join(root, 'cache.json'), 'utf8')).split('\n');
    expect(Object.keys(JSON.parse(sites!))).toEqual(['site1']);
    expect((await list())[1]?.problem).toContain('siteinfo is missing');
  });

  it('gives a brief listing no metadata and loses none by it', async () => {
    await makeSite('site1');
    const [first] = await list();
    await makeSite('site2');

    const brief = await list({ brief: true });

    expect(brief[0]).toEqual({ ...first, metadata: {} });
    await forge('kept.test');
    const metadata = JSON.parse(JSON.stringify(first?.metadata).replaceAll('exa.test', 'kept.test'));
    expect((await list()).map((account) => account.metadata)).toEqual([metadata, metadata]);
  });

  it('whose metadata is cut short is read anew', async () => {
    await makeSite('site1');
    const first = await list();
    const path = join(root, 'cache.json');
    await writeFile(path, (await readFile(path)).subarray(0, -20));

    expect(await list()).toEqual(first);
  });
});

describe('hostile or broken metadata', () => {
  const secret = '[DEFAULT]\ndomain=stolen.test\n';

  it.each<[string, (home: string) => Promise<unknown>, RegExp]>([
    [
      'no metadata',
      (home) => rm(join(home, 'info/current'), { recursive: true }),
      /info\/current is missing/,
    ],
    ['no siteinfo', (home) => rm(join(home, 'info/current/siteinfo')), /siteinfo is missing/],
    [
      'a link for a service file',
      async (home) => {
        await writeFile(join(root, 'secret'), secret);
        await rm(join(home, 'info/current/siteinfo'));
        await symlink(join(root, 'secret'), join(home, 'info/current/siteinfo'));
      },
      /info\/current\/siteinfo is a symbolic link/,
    ],
    [
      'a link for info/current',
      async (home) => {
        await mkdir(join(root, 'elsewhere'));
        await writeFile(join(root, 'elsewhere/siteinfo'), secret);
        await rm(join(home, 'info/current'), { recursive: true });
        await symlink(join(root, 'elsewhere'), join(home, 'info/current'));
      },
      /info\/current is not a directory/,
    ],
    [
      'a link for info',
      async (home) => {
        await rm(join(home, 'info'), { recursive: true });
        await symlink(join(root, 'home'), join(home, 'info'));
      },
      /info is not a directory/,
    ],
    [
      'a FIFO for a service file',
      async (home) => {
        await rm(join(home, 'info/current/siteinfo'));
        execFileSync('mkfifo', [join(home, 'info/current/siteinfo')]);
      },
      /siteinfo is not a regular file/,
    ],
    [
      'a huge service file',
      (home) => writeFile(join(home, 'info/current/siteinfo'), 'x'.repeat(300_000)),
      /siteinfo is larger than 262144 bytes/,
    ],
    [
      'bytes that are no text',
      (home) =>
        writeFile(join(home, 'info/current/siteinfo'), Buffer.from([0xff, 0xfe, 0, 0x1b, 0x0a, 0x3d])),
      /not UTF-8.*line 1/,
    ],
  ])('(%s) leaves the account listed with the problem named', async (_, harm, problem) => {
    await makeSite('site2');
    await harm(await makeSite('site1'));

    const listed = await accounts();

    expect(listed.map(({ site }) => site)).toEqual(['site1', 'site2', '_system']);
    expect(listed[0]?.problem).toMatch(problem);
    expect(listed[0]?.domain).toBeNull();
    expect(listed[0]?.trees).toHaveLength(2);
    expect(listed[1]?.problem).toBeNull();
  });

  it('leaves out values of the wrong form, and never shows a control character', async () => {
    await makeSite('site1', {
      siteinfo: "domain='exa.test\\n\\x1b[31m'\nadmin_user='../../../etc'\n",
      aliases: "aliases=['ok.test', '<b>', 1, None]\n",
      mysql: 'dbaseprefix=exa\ndbaseadmin=root\n',
      pgsql: "dbaseprefix='%_'\ndbaseadmin='a; drop'\n",
    });

    const found = await account('site1');

    expect(found).toMatchObject({ domain: null, aliases: ['ok.test', '1'], databases: [], state: 'active' });
    expect(found.problem?.split('; ')).toEqual([
      'siteinfo,domain is not a domain',
      'aliases,aliases holds a name that is no domain',
      'mysql,dbaseprefix is no prefix ending in _',
      'mysql,dbaseadmin is no user of an account',
      'pgsql,dbaseprefix is no prefix ending in _',
      'pgsql,dbaseadmin is no user of an account',
    ]);
  });

  it('cannot reach the prototype of objects', async () => {
    await makeSite('site1', { siteinfo: `${siteinfo}__proto__=1\nconstructor=2\n` });

    const { metadata } = await account('site1');

    expect(Object.getPrototypeOf(metadata['siteinfo'])).toBe(Object.prototype);
    expect(metadata['siteinfo']).toMatchObject({ domain: 'exa.test', constructor: 2 });
    expect(({} as { enabled?: unknown }).enabled).toBeUndefined();
  });

  it('takes the owner from the tree where the administrator has no home', async () => {
    const home = await makeSite('site1');
    await chown(join(home, 'shadow'), 7, 8);
    await symlink('/root', join(home, 'shadow/home/exa'));

    expect((await account('site1')).owner).toEqual({ uid: 7, gid: 8 });
  });
});

describe('writablePath', () => {
  const writable = async (tree: string, host = thisHost) =>
    new ApiscpPanel(root, host).writablePath({ account: await account('site1'), tree, signal });

  it('is the tree itself while nothing is mounted', async () => {
    const home = await makeSite('site1');

    expect(await writable('shadow')).toEqual({ path: join(home, 'shadow') });
    expect(await writable('info')).toEqual({ path: join(home, 'info') });
  });

  it('is the mount of a mounted account', async () => {
    const home = await makeSite('site1');
    await mkdir(join(root, 'lower'));
    const unmount = mountOverlay(
      join(root, 'lower'),
      join(home, 'shadow'),
      join(home, 'info/work'),
      join(home, 'fst'),
    );
    try {
      expect(await writable('shadow')).toEqual({ path: join(home, 'fst') });
      expect(await writable('info')).toEqual({ path: join(home, 'info') });
    } finally {
      unmount();
    }
  });

  it('is refused where the tree is mounted elsewhere, or something else is mounted there', async () => {
    const home = await makeSite('site1');
    for (const name of ['lower', 'other', 'work', 'elsewhere, too']) await mkdir(join(root, name));
    const reasonFor = async (upper: string, point: string): Promise<unknown> => {
      const unmount = mountOverlay(join(root, 'lower'), upper, join(root, 'work'), point);
      try {
        return await writable('shadow');
      } finally {
        unmount();
      }
    };

    expect(await reasonFor(join(home, 'shadow'), join(root, 'elsewhere, too'))).toMatchObject({
      path: null,
      reason: expect.stringContaining('is the upper directory of'),
    });
    expect(await reasonFor(join(root, 'other'), join(home, 'fst'))).toMatchObject({
      path: null,
      reason: expect.stringContaining('something else'),
    });
  });

  it.each([
    ['cannot be read', () => Promise.reject(Object.assign(new Error('no'), { code: 'EACCES' }))],
    ['cannot be understood', () => Promise.resolve('gibberish\n')],
  ])('is refused where the list of mounts %s', async (_, mountInfo) => {
    await makeSite('site1');

    expect(await writable('shadow', { ...thisHost, mountInfo })).toMatchObject({
      path: null,
      reason: expect.stringContaining('cannot tell whether'),
    });
  });

  it('is refused during an unfinished edit, for system files and for unknown trees', async () => {
    const home = await makeSite('site1');
    const panel = await open();
    const before = await account('site1');
    await writeFile(join(home, 'info/new/siteinfo'), '');

    expect(await panel.writablePath({ account: before, tree: 'shadow', signal })).toMatchObject({
      path: null,
      reason: expect.stringContaining('unfinished edit'),
    });
    expect(await panel.writablePath({ account: before, tree: 'fst', signal })).toMatchObject({ path: null });
    const system = await account('_system');
    expect(await panel.writablePath({ account: system, tree: 'system', signal })).toMatchObject({
      path: null,
    });
  });
});

describe('afterRestore', () => {
  it('touches info, and nothing more below another root than /', async () => {
    const home = await makeSite('site1');
    await utimes(join(home, 'info'), 1, 1);
    await chmod(join(home, 'info'), 0o711);
    const programs: string[] = [];
    const run: typeof thisHost.run = (program, args, options) => {
      programs.push(program);
      return thisHost.run(program, args, options);
    };
    const panel = new ApiscpPanel(root, { ...thisHost, run });

    await panel.afterRestore({ account: await account('site1'), trees: ['shadow', 'info'], signal });

    expect(programs).toEqual(['touch']);
    expect((await lstat(join(home, 'info'))).mtimeMs).toBeGreaterThan(1_700_000_000_000);
  });

  it.each([
    [true, ['touch', 'systemctl cat fsmount', 'systemctl reload fsmount']],
    [false, ['touch', 'systemctl cat fsmount']],
  ])('reloads the mounts of a live server where the unit exists (%s)', async (exists, expected) => {
    await makeSite('site1');
    const calls: string[] = [];
    const run: typeof thisHost.run = async (program, args) => {
      calls.push(program === 'touch' ? program : [program, ...args].join(' '));
      if (args[0] === 'cat' && !exists) throw new Error('no such unit');
    };
    const panel = new ApiscpPanel('/', { ...thisHost, run });

    await panel.afterRestore({ account: await account('site1'), trees: ['shadow'], signal });

    expect(calls).toEqual(expected);
  });

  it('says what to do where the refresh fails', async () => {
    const home = await makeSite('site1');
    const found = await account('site1');
    const run = () => Promise.reject(new Error('broken'));

    await expect(
      new ApiscpPanel(root, { ...thisHost, run }).afterRestore({ account: found, trees: ['info'], signal }),
    ).rejects.toMatchObject({ code: 'PANEL_UNREADABLE', hint: expect.stringContaining('site1') });
    expect(home).toContain('site1');
  });
});

function mountOverlay(lower: string, upper: string, work: string, point: string): () => void {
  execFileSync('mount', [
    '-t',
    'overlay',
    '-o',
    `lowerdir=${lower},upperdir=${upper},workdir=${work}`,
    'none',
    point,
  ]);
  return () => {
    execFileSync('umount', [point]);
  };
}
