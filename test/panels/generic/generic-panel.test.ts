import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { validate } from '../../../src/core/settings/validate.ts';
import { genericPanel } from '../../../src/panels/generic/index.ts';

const signal = new AbortController().signal;
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-generic-'));
  for (const name of ['bob', 'alice', 'user10', 'user9', '.hidden']) {
    await mkdir(join(root, 'home', name), { recursive: true });
  }
});
afterEach(() => rm(root, { recursive: true }));

async function open(rules: readonly object[], more: object = {}) {
  const settings = { use: 'generic', accounts: rules, ...more };
  expect(validate(settings, genericPanel.settingsSchema)).toEqual([]);
  return genericPanel.open(settings);
}
const list = async (rules: readonly object[], more: object = {}) =>
  (await open(rules, more)).accounts({ signal });

/** As fusermount does it for whoever owns the directory. */
async function mountDead(path: string): Promise<void> {
  await chown(path, 1001, 1001);
  const options = 'fd=3,rootmode=40000,user_id=1001,group_id=1001';
  execFileSync('sh', ['-c', 'exec 3<>/dev/fuse; mount -i -t fuse -o "$1" dead "$2"', 'sh', options, path]);
}

describe('the generic panel', () => {
  it('makes an account of each directory that fits, in natural order, and follows no link', async () => {
    await symlink('bob', join(root, 'home/link'));
    await writeFile(join(root, 'home/file'), '');

    const accounts = await list([{ path: `${root}/home/*` }]);

    expect(accounts.map(({ site }) => site)).toEqual(['alice', 'bob', 'user9', 'user10']);
    expect(accounts[1]).toEqual({
      site: 'bob',
      home: join(root, 'home/bob'),
      domain: null,
      aliases: [],
      plan: null,
      state: 'active',
      problem: null,
      owner: { uid: 0, gid: 0 },
      trees: [{ name: 'files', path: join(root, 'home/bob'), exclude: [] }],
      databases: [],
      metadata: { path: join(root, 'home/bob') },
    });
  });

  it('fills names, domains and databases from the path, whatever the name holds', async () => {
    await mkdir(join(root, 'home/$&'));
    await chown(join(root, 'home/$&'), 1001, 1002);
    const [account] = await list([
      {
        path: `${root}/home/$*`,
        name: 'u-{name}',
        domain: '{name}.test',
        trees: { home: { exclude: ['tmp'] }, mail: { include: ['Maildir'] } },
        databases: [
          { family: 'mysql', prefix: '{name}_', admin: '{name}' },
          { family: 'postgresql', names: ['wiki', '{name}'] },
        ],
      },
    ]);

    expect(account).toMatchObject({
      site: 'u-$&',
      domain: '$&.test',
      owner: { uid: 1001, gid: 1002 },
      trees: [
        { name: 'home', path: join(root, 'home/$&'), exclude: ['tmp'] },
        { name: 'mail', path: join(root, 'home/$&'), exclude: [], include: ['Maildir'] },
      ],
      databases: [
        { family: 'mysql', prefix: '$&_', admin: '$&', names: [] },
        { family: 'postgresql', prefix: null, admin: null, names: ['wiki', '$&'] },
      ],
    });
  });

  it('gives a directory to the first rule that fits, and never one name to two accounts', async () => {
    await mkdir(join(root, 'srv/bob'), { recursive: true });
    await mkdir(join(root, 'srv/_system'), { recursive: true });
    await mkdir(join(root, 'srv/bob.databases'), { recursive: true });

    const accounts = await list([
      { path: `${root}/home/b*`, trees: { first: {} } },
      { path: `${root}/home/bob`, trees: { second: {} } },
      { path: `${root}/srv/*` },
    ]);

    expect(accounts.map(({ site, problem }) => [site, problem])).toEqual([
      ['_system~2', 'the name _system is taken by the files of the server'],
      ['bob', null],
      ['bob.databases~2', 'the name bob.databases is taken by the databases of bob'],
      ['bob~2', `the name bob is taken by ${root}/home/bob`],
    ]);
    expect(accounts[1]?.trees[0]?.name).toBe('first');
  });

  it('takes the name from the last wildcard, and finds directories below it', async () => {
    for (const path of ['home/bob/www', 'home/alice/other']) await mkdir(join(root, path));

    const accounts = await list([{ path: `${root}/home/*/www` }]);

    expect(accounts.map(({ site, home }) => [site, home])).toEqual([['bob', join(root, 'home/bob/www')]]);
  });

  it('lists a directory that is gone, with its trees, so that its backup fails', async () => {
    const [account] = await list([{ path: `${root}/srv/gone` }]);

    expect(account).toMatchObject({ site: 'gone', home: null, problem: 'its directory is missing' });
    expect(account?.trees).toHaveLength(1);
  });

  it('refuses as a whole where a directory of accounts cannot be listed', async () => {
    await expect(list([{ path: `${root}/nowhere/*` }])).rejects.toMatchObject({ code: 'PANEL_UNREADABLE' });
  });

  it('lists an account that mounted what root may not look at, and the others as ever', async () => {
    for (const name of ['alice', 'bob']) await mkdir(join(root, 'home', name, 'www'));
    const dead = [join(root, 'home/alice'), join(root, 'home/bob/www')];
    for (const path of dead) await mountDead(path);
    try {
      const whole = await list([{ path: `${root}/home/*`, trees: { all: {}, www: { path: 'www' } } }]);
      const below = await list([{ path: `${root}/home/*/www` }]);
      const deeper = await list([{ path: `${root}/home/*/www/*` }]);

      const refused = (path: string) => `${root}/home/${path} cannot be read: EACCES`;
      const all = whole.map(({ site, home, trees, problem }) => [site, home !== null, trees.length, problem]);
      expect(all).toEqual([
        ['alice', false, 1, `${refused('alice')}; tree www: ${refused('alice')}`],
        ['bob', true, 2, null],
        ['user9', true, 2, null],
        ['user10', true, 2, null],
      ]);
      expect(below.map(({ site, trees, problem }) => [site, trees.length, problem])).toEqual([
        ['alice', 0, refused('alice')],
        ['bob', 1, refused('bob/www')],
      ]);
      expect(deeper.map(({ site, trees, problem }) => [site, trees.length, problem])).toEqual([
        ['alice', 0, refused('alice')],
        ['bob', 0, refused('bob/www')],
      ]);
    } finally {
      for (const path of dead) execFileSync('umount', ['--lazy', path]);
    }
  });

  it('has the account _system last where system files are configured', async () => {
    const accounts = await list([{ path: `${root}/home/*` }], { system: { path: root, include: ['etc'] } });

    expect(accounts.at(-1)).toMatchObject({
      site: '_system',
      home: null,
      trees: [{ name: 'system', path: root, exclude: [], include: ['etc'] }],
    });
  });

  it('writes where a tree is, but for system files', async () => {
    const panel = await open([{ path: `${root}/home/bob` }], { system: { include: ['etc'] } });
    const [bob, system] = await panel.accounts({ signal });
    if (bob === undefined || system === undefined) throw new Error('not listed');

    expect(await panel.writablePath({ account: bob, tree: 'files', signal })).toEqual({
      path: join(root, 'home/bob'),
    });
    expect(await panel.writablePath({ account: system, tree: 'system', signal })).toMatchObject({
      path: null,
    });
    await panel.afterRestore({ account: bob, trees: ['files'], signal });
  });
});

describe('a tree below a directory that the account can write', () => {
  it.each([
    ['by its owner', (path: string) => chown(path, 1001, 1001)],
    ['by everybody', (path: string) => chmod(path, 0o777)],
  ])('(%s) is refused, since the account could exchange it underway', async (_, open) => {
    await mkdir(join(root, 'home/bob/www'));
    await open(join(root, 'home/bob'));

    const [account] = await list([{ path: `${root}/home/bob`, trees: { www: { path: 'www' }, all: {} } }]);

    expect(account?.trees.map(({ name }) => name)).toEqual(['all']);
    expect(account?.problem).toBe(
      `tree www: others than root can write ${root}/home/bob; use "path": "." with "include": ["www"]`,
    );
  });

  it('is refused through a wildcard as well, and a link is not followed', async () => {
    await mkdir(join(root, 'home/bob/sites/one'), { recursive: true });
    await chown(join(root, 'home/bob'), 1001, 1001);
    await symlink('/etc', join(root, 'home/alice/sites'));

    const accounts = await list([{ path: `${root}/home/*/sites/*` }]);

    expect(accounts.map(({ site, trees, problem }) => [site, trees, problem])).toEqual([
      ['one', [], `others than root can write ${root}/home/bob`],
    ]);
    const [alice] = await list([{ path: `${root}/home/alice`, trees: { sites: { path: 'sites' } } }]);
    expect(alice).toMatchObject({
      trees: [],
      problem: `tree sites: ${root}/home/alice/sites is a symbolic link`,
    });
  });
});

describe('its settings', () => {
  it.each([
    { path: 'relative' },
    { path: '/home/*', trees: { home: { path: '../etc' } } },
    { path: '/home/*', trees: { home: { path: 'a/../../etc' } } },
    { path: '/home/*', trees: { home: { path: '/etc' } } },
    { path: '/home/*', trees: { '../x': {} } },
    { path: '/home/*', trees: {} },
    { path: '/home/*', databases: [{ family: 'mysql' }] },
    { path: '/home/*', exclude: ['tmp'] },
  ])('refuse %j', (rule) => {
    expect(validate({ use: 'generic', accounts: [rule] }, genericPanel.settingsSchema)).not.toEqual([]);
  });
});
