/** Real files, owners and modes. */

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { packagedDefinition } from '../../../src/core/addins/packaged-definitions.ts';
import { importDefinition } from '../../../src/core/packages/addin-module.ts';
import { type LoadedPackages, loadPackages } from '../../../src/core/packages/load-packages.ts';
import { manifestOf, writePackage } from '../../support/addin-packages.ts';

const base = mkdtempSync(join(tmpdir(), 'holdfast-packages-'));
let dir = base;
let count = 0;
const load = (...sources: string[]): Promise<LoadedPackages> =>
  loadPackages(sources, {
    configDir: dir,
    hostVersion: '0.1.0',
    taken: ['store local', 'scope backups.enabled'],
  });
const reasons = async (...sources: string[]): Promise<readonly string[]> =>
  (await load(...sources)).refused.map(({ reason }) => reason);
const store = (name: string, change = {}) => ({
  addins: [manifestOf('store', name, change)],
  files: { 'index.js': '' },
});

beforeEach(() => {
  count += 1;
  dir = join(base, String(count));
  mkdirSync(dir, { mode: 0o755 });
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe('an addin package', () => {
  it('is found by name beside the configuration, or by path, and nothing of it is run', async () => {
    const mark = join(dir, 'was-run');
    const code = `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(mark)}, '');`;
    const root = writePackage(join(dir, 'node_modules/@one/shelf'), {
      ...store('shelf'),
      files: { 'index.js': code },
    });
    const other = writePackage(join(dir, 'elsewhere'), store('rack'));
    const { modules, refused } = await load('@one/shelf', other);

    expect(refused).toEqual([]);
    expect(modules).toMatchObject([
      {
        kind: 'store',
        name: 'shelf',
        version: '1.2.3',
        source: '@one/shelf',
        root,
        entry: join(root, 'index.js'),
      },
      { name: 'rack', source: other },
    ]);
    expect(existsSync(mark)).toBe(false);
  });

  it('may be a link to a directory, as npm makes it for paths', async () => {
    const root = writePackage(join(dir, 'source'), store('shelf'));
    mkdirSync(join(dir, 'node_modules'), { mode: 0o755 });
    symlinkSync('../source', join(dir, 'node_modules/shelf'));

    expect((await load('shelf')).modules[0]?.root).toBe(root);
  });

  it('is refused where there is none, or none of Holdfast', async () => {
    mkdirSync(join(dir, 'broken'));
    writeFileSync(join(dir, 'broken/package.json'), '{');
    mkdirSync(join(dir, 'plain'));
    writeFileSync(join(dir, 'plain/package.json'), '{"name":"plain","version":"1.0.0"}');

    expect(await reasons('not-installed', join(dir, 'absent'))).toEqual(['not-found', 'not-found']);
    expect(await reasons(join(dir, 'broken'), join(dir, 'plain'), dir)).toEqual(
      Array(3).fill('not-an-addin'),
    );
  });

  it('tells the directories that its settings name, without being run', async () => {
    const properties = { use: { const: 'shelf' }, path: { type: 'string', 'x-directory': true } };
    const settings = { type: 'object', properties };
    const root = writePackage(join(dir, 'kept'), {
      addins: [manifestOf('store', 'shelf', { settings })],
      files: { 'index.js': 'throw new Error();' },
    });
    const { modules } = await load(root);
    const definition = packagedDefinition(modules[0]!, () => Promise.reject(new Error('it was opened')));

    expect(definition.kind === 'store' && definition.directories?.({ use: 'shelf', path: '/srv/b' })).toEqual(
      ['/srv/b'],
    );
  });

  it('costs the others nothing where it is refused', async () => {
    const both = writePackage(join(dir, 'both'), {
      addins: [manifestOf('store', 'bad', { contract: 9 }), manifestOf('store', 'good')],
      files: { 'index.js': '' },
    });
    const { modules, refused } = await load('absent', both);

    expect(modules.map(({ name }) => name)).toEqual(['good']);
    expect(refused).toMatchObject([
      { source: 'absent', name: null },
      { source: both, root: both, name: 'bad', contract: 9, reason: 'contract-too-new' },
    ]);
  });
});

describe('files of an addin package', () => {
  const shelf = (): string =>
    writePackage(join(dir, 'shelf'), { ...store('shelf'), files: { 'index.js': '', 'lib/a.js': '' } });

  it.each([
    ['a module others can write', (root: string) => chmodSync(join(root, 'lib/a.js'), 0o646)],
    ['a directory the group can write', (root: string) => chmodSync(join(root, 'lib'), 0o775)],
    ['a module of somebody else', (root: string) => chownSync(join(root, 'index.js'), 12_345, 12_345)],
    ['a directory of somebody else above it', () => chownSync(dir, 12_345, 12_345)],
    ['a directory above it that others can write', () => chmodSync(dir, 0o777)],
  ])('are refused: %s', async (_, spoil) => {
    const root = shelf();
    spoil(root);

    expect(await reasons(root)).toEqual(['unsafe-files']);
  });

  it.each([
    ['in it', 'shelf/node_modules/x'],
    ['beside it', 'node_modules/@scope/x'],
    ['that a link leads to', 'linked'],
  ])('are refused where others can change a dependency %s', async (_, place) => {
    const root = shelf();
    const dependency = join(dir, place);
    mkdirSync(dependency, { recursive: true, mode: 0o755 });
    mkdirSync(join(root, 'node_modules'), { recursive: true });
    if (place === 'linked') symlinkSync(dependency, join(root, 'node_modules/y'));
    writeFileSync(join(dependency, 'index.js'), '', { mode: 0o644 });
    expect(await reasons(root)).toEqual([]);

    chownSync(join(dependency, 'index.js'), 12_345, 12_345);
    expect(await reasons(root)).toEqual(['unsafe-files']);
  });

  it.each(['lib/a.js', 'lib', 'package.json'])('are refused where its user cannot read %s', async (name) => {
    const root = shelf();
    chmodSync(join(root, name), name === 'lib' ? 0o700 : 0o600);
    const provider = writePackage(join(dir, 'own'), {
      addins: [manifestOf('provider', 'own')],
      files: { 'index.js': '' },
    });
    chmodSync(join(provider, 'index.js'), 0o600);
    writeFileSync(join(root, 'notes'), '', { mode: 0o600 });

    expect(await reasons(root, provider)).toEqual(['unreadable-files']);
    chmodSync(join(root, name), name === 'lib' ? 0o755 : 0o644);
    expect(await reasons(root, provider)).toEqual([]);
  });

  it('hold the entry', async () => {
    const root = shelf();
    symlinkSync('../outside.js', join(root, 'link.js'));
    writeFileSync(join(dir, 'outside.js'), '');
    const linked = writePackage(root, { addins: [manifestOf('store', 'shelf', { entry: './link.js' })] });
    const absent = writePackage(join(dir, 'absent'), { addins: [manifestOf('store', 'shelf')] });

    expect(await reasons(linked, absent)).toEqual(['bad-entry', 'bad-entry']);
  });
});

describe('names of addins', () => {
  it('belong to whoever is listed first, and to ours before all', async () => {
    const first = writePackage(join(dir, 'first'), store('shelf'));
    const second = writePackage(join(dir, 'second'), store('shelf'));
    const ours = writePackage(join(dir, 'ours'), store('local'));
    const scope = manifestOf('scope', 'ruler', { capabilities: { names: ['backups.enabled'] } });
    const scopes = writePackage(join(dir, 'scopes'), { addins: [scope], files: { 'index.js': '' } });
    const notifier = { addins: [manifestOf('notifier', 'shelf')], files: { 'index.js': '' } };
    const otherKind = writePackage(join(dir, 'kind'), notifier);
    const { modules, refused } = await load(first, second, ours, scopes, otherKind);

    expect(modules.map(({ kind, root }) => [kind, root])).toEqual([
      ['store', first],
      ['notifier', otherKind],
    ]);
    expect(refused.map(({ reason, root }) => [reason, root])).toEqual([
      ['name-taken', second],
      ['name-taken', ours],
      ['name-taken', scopes],
    ]);
  });
});

describe('the module of an addin', () => {
  it.each([
    [
      'throws',
      'throw new Error("\\u001b[2J boom")',
      /cannot be loaded: \\u\{1b\}\[2J boom|cannot be loaded: .*boom/,
    ],
    ['exports nothing', 'export const x = 1;', /has no definition/],
    [
      'is another one',
      'export default { kind: "store", name: "rack", contract: 1, open() {} }',
      /exports the definition of a store rack/,
    ],
  ])('is refused where it %s', async (_, code, message) => {
    const root = writePackage(join(dir, 'shelf'), { ...store('shelf'), files: { 'index.js': code } });
    const { modules } = await load(root);

    await expect(importDefinition(modules[0]!)).rejects.toMatchObject({
      code: 'ADDIN_REFUSED',
      message: expect.stringMatching(message),
    });
  });
});
