/** What crosses the edge of a tree: links into other trees, exclusions, mounts, roots that are not there. */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { markName } from '../../../src/core/jobs/restore/restore-mark.ts';
import { type Lab, openLab } from '../../support/backup.ts';
import { compareTrees } from '../../support/compare-trees.ts';
import { type MountedFilesystem, mountFilesystem } from '../../support/filesystems.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-edges-'));
let count = 0;
let lab: Lab;
let site: string;
let target: string;
const mounts: string[] = [];

beforeEach(async () => {
  const base = join(directory, String(count++));
  site = join(base, 'site');
  target = join(base, 'target');
  for (const name of ['shadow', 'info', 'outside']) mkdirSync(join(site, name), { recursive: true });
  lab = await openLab(base);
});
afterEach(async () => {
  for (const mount of mounts.splice(0).reverse()) execFileSync('umount', [mount]);
  await lab.close();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const both = () => ({ shadow: join(site, 'shadow'), info: join(site, 'info') });
const inode = (path: string): number => statSync(path).ino;
const codes = ({ body }: { body: { warnings: readonly { code: string; path?: string }[] } }) =>
  body.warnings.map(({ code, path }) => `${code} ${path}`).sort();

function mount(...args: readonly string[]): void {
  execFileSync('mount', args);
  mounts.push(args.at(-1)!);
}

describe('directories', () => {
  // GNU tar reads the segments.
  const plain = it.runIf(process.env['LAB_ENCRYPTED'] !== '1');
  plain(
    'stand in the tar after what lies below them, although two threads hand sub-trees to each other',
    async () => {
      for (let i = 0; i < 12; i++) {
        for (let j = 0; j < 12; j++) {
          for (let k = 0; k < 15; k++) {
            mkdirSync(join(site, 'shadow', String(i), String(j), String(k)), { recursive: true });
          }
        }
      }
      await lab.backUp(both());
      const tars = execFileSync('find', [join(lab.storePath, 'data'), '-name', '*.tar.zst'], {
        encoding: 'utf8',
      });
      const seen = new Set<string>();
      const parentFirst: string[] = [];
      for (const tar of tars.trim().split('\n').sort()) {
        const script = 'zstd -dc -- "$1" | tar -t --ignore-zeros';
        const names = execFileSync('sh', ['-c', script, 'sh', tar], { encoding: 'utf8' }).trim().split('\n');
        for (const name of names) {
          const above = name.replace(/[^/]+\/?$/, '');
          if (seen.has(above)) parentFirst.push(name);
          seen.add(name);
        }
      }

      expect(seen.size).toBe(2 + 12 + 12 * 12 + 12 * 12 * 15);
      expect(parentFirst).toEqual([]);
    },
  );
});

describe('hard links', () => {
  it('between trees on one file system come back as links, by our restore and by rescue.py', async () => {
    writeFileSync(join(site, 'shadow/a'), 'shared');
    linkSync(join(site, 'shadow/a'), join(site, 'info/z'));
    symlinkSync('nowhere', join(site, 'info/link'));
    linkSync(join(site, 'info/link'), join(site, 'shadow/link'));
    await lab.backUp(both());
    await lab.restore(target);
    await lab.rescue('restore', 'latest', '--account', 'site1', '--to', `${target}-rescued`);
    const options = { ignore: ['outside', markName] };

    expect(inode(join(target, 'shadow/a'))).toBe(inode(join(target, 'info/z')));
    expect(
      (await compareTrees(site, target, { ...options, ignoreFields: ['mode', 'mtime'] })).differences,
    ).toEqual([]);
    expect((await compareTrees(join(site, 'info'), join(target, 'info'))).differences).toEqual([]);
    expect(
      (await compareTrees(site, `${target}-rescued`, { ...options, ignoreFields: ['mode', 'mtime'] }))
        .differences,
    ).toEqual([]);
  });

  it('to names that are excluded or lie outside cost nothing of the names inside', async () => {
    mkdirSync(join(site, 'shadow/cut'));
    for (const name of ['a', 'b', 'alone']) writeFileSync(join(site, 'shadow', name), name);
    linkSync(join(site, 'shadow/a'), join(site, 'shadow/cut/a'));
    linkSync(join(site, 'shadow/a'), join(site, 'shadow/z'));
    linkSync(join(site, 'shadow/alone'), join(site, 'outside/alone'));
    const { exitStatus } = await lab.backUp({ shadow: { path: join(site, 'shadow'), exclude: ['cut'] } });
    await lab.restore(target);

    expect(exitStatus).toBe(0);
    expect(statSync(join(target, 'shadow/a')).nlink).toBe(2);
    expect(readFileSync(join(target, 'shadow/z'), 'utf8')).toBe('a');
    expect(readFileSync(join(target, 'shadow/alone'), 'utf8')).toBe('alone');
  });

  it('of which only one name is restored become a plain file with its content', async () => {
    for (const name of ['a', 'b']) mkdirSync(join(site, 'shadow', name));
    writeFileSync(join(site, 'shadow/a/file'), 'shared');
    linkSync(join(site, 'shadow/a/file'), join(site, 'shadow/b/file'));
    await lab.backUp(both());
    await lab.restore(target, { paths: [Buffer.from('shadow/b')] });

    expect(readFileSync(join(target, 'shadow/b/file'), 'utf8')).toBe('shared');
  });
});

describe('an excluded directory', () => {
  it('keeps its own entry with all attributes and loses its contents; an excluded file is gone', async () => {
    mkdirSync(join(site, 'shadow/var/cache'), { recursive: true });
    writeFileSync(join(site, 'shadow/var/cache/page'), 'gone');
    writeFileSync(join(site, 'shadow/var/keep'), 'kept');
    writeFileSync(join(site, 'shadow/var/x.tmp'), 'gone');
    chmodSync(join(site, 'shadow/var/cache'), 0o2770);
    execFileSync('setfattr', ['-n', 'user.kept', '-v', '1', join(site, 'shadow/var/cache')]);
    execFileSync('setfacl', ['-m', 'u:33:rwx,d:u:33:rwx', join(site, 'shadow/var/cache')]);
    const exclude = ['var/cache', 'var/*.tmp'];
    const { snapshot } = await lab.backUp({ shadow: { path: join(site, 'shadow'), exclude } });
    await lab.restore(target);
    const left = { ignoreBelow: ['var/cache'], ignore: ['var/x.tmp'] };

    expect((await compareTrees(join(site, 'shadow'), join(target, 'shadow'), left)).differences).toEqual([]);
    expect(statSync(join(target, 'shadow/var/cache')).size).toBeGreaterThan(0);
    expect(() => statSync(join(target, 'shadow/var/cache/page'))).toThrow('ENOENT');
    expect(() => statSync(join(target, 'shadow/var/x.tmp'))).toThrow('ENOENT');
    expect(snapshot.body.exclusions).toEqual({ shadow: exclude });
  });
});

describe('a mount inside a tree', () => {
  it('is left out with a warning, also where it shows a part of the same file system', async () => {
    for (const name of ['tmpfs', 'bind', 'plain']) mkdirSync(join(site, 'shadow', name));
    for (const name of ['outside/secret', 'shadow/file', 'shadow/plain/kept'])
      writeFileSync(join(site, name), 'x');
    mount('-t', 'tmpfs', 'tmpfs', join(site, 'shadow/tmpfs'));
    writeFileSync(join(site, 'shadow/tmpfs/inside'), 'x');
    mount('--bind', join(site, 'outside'), join(site, 'shadow/bind'));
    mount('--bind', join(site, 'outside/secret'), join(site, 'shadow/file'));
    const { snapshot, exitStatus } = await lab.backUp(both());
    const restored = await lab.restore(target);

    expect(restored.exitStatus).toBe(100);
    expect(restored.warningCounts).toEqual({ 'other-file-system': 3 });
    expect(restored.warnings[0]!.message).toMatch(/^when it was backed up: /);
    const plain = [Buffer.from('shadow/plain')];
    expect(await lab.restore(`${target}-plain`, { paths: plain })).toMatchObject({
      warnings: [],
      exitStatus: 0,
    });
    expect(codes(snapshot)).toEqual(['bind', 'file', 'tmpfs'].map((name) => `other-file-system ${name}`));
    expect(exitStatus).toBe(100);
    expect(
      execFileSync('find', ['shadow', '-mindepth', '1'], { cwd: target, encoding: 'utf8' })
        .split('\n')
        .sort(),
    ).toEqual(['', 'shadow/bind', 'shadow/plain', 'shadow/plain/kept', 'shadow/tmpfs']);
  });
});

describe('a subvolume inside a tree', () => {
  it('is left out and told of as a mount is, and neither is told of where it is excluded', async () => {
    const mounted = mountFilesystem('btrfs', { mebibytes: 128 });
    try {
      const tree = mounted.path;
      const btrfs = (...args: readonly string[]) => execFileSync('btrfs', args, { stdio: 'ignore' });
      for (const name of ['kept', 'excluded']) {
        btrfs('subvolume', 'create', join(tree, name));
        writeFileSync(join(tree, name, 'inside'), 'x');
      }
      mkdirSync(join(tree, 'mount'));
      mount('-t', 'tmpfs', 'tmpfs', join(tree, 'mount'));
      const { snapshot } = await lab.backUp({
        shadow: { path: tree, exclude: ['excluded', 'mount'] },
        kept: join(tree, 'kept'),
      });
      await lab.restore(target);
      const restored = execFileSync('find', ['.', '-mindepth', '2'], { cwd: target, encoding: 'utf8' });

      expect(codes(snapshot)).toEqual(['other-file-system kept']);
      expect(restored.trim().split('\n').sort()).toEqual([
        './kept/inside',
        './shadow/excluded',
        './shadow/kept',
        './shadow/mount',
      ]);
    } finally {
      for (const point of mounts.splice(0)) execFileSync('umount', [point]);
      mounted.unmount();
    }
  });
});

describe('an overlay', () => {
  /** Of two layers that hold a file with two names each, and the same number. */
  function overlay([lower, upper]: readonly [string, string], options = ''): string {
    for (const layer of [lower, upper]) {
      for (const name of ['top', 'work']) mkdirSync(join(layer, name));
      writeFileSync(join(layer, 'top', basename(layer)), layer);
      linkSync(join(layer, 'top', basename(layer)), join(layer, 'top', `${basename(layer)}-too`));
    }
    const tree = join(site, 'shadow');
    const layers = `lowerdir=${lower}/top,upperdir=${upper}/top,workdir=${upper}/work${options}`;
    mount('-t', 'overlay', '-o', layers, 'overlay', tree);
    const [one, other] = [lower, upper].map((layer) => statSync(join(tree, basename(layer))).ino);
    expect(one).toBe(other);
    return tree;
  }
  async function comesBack(tree: string): Promise<void> {
    const { snapshot } = await lab.backUp({ shadow: tree });
    await lab.restore(target);
    const found = await compareTrees(tree, join(target, 'shadow'), { ignoreFields: ['links'] });

    expect(codes(snapshot)).toEqual([]);
    expect(found).toEqual({ entries: 4, differences: [] });
  }

  it('of several file systems is one tree, although files show the devices of their layers', async () => {
    const layers = [join(site, 'lower'), join(site, 'upper')] as const;
    for (const layer of layers) {
      mkdirSync(layer);
      mount('-t', 'tmpfs', 'tmpfs', layer);
    }
    await comesBack(overlay(layers, ',xino=off'));
  });

  it('of two subvolumes has two files where both have one number on one device', async () => {
    const mounted = mountFilesystem('btrfs', { mebibytes: 128 });
    try {
      const layers = [join(mounted.path, 'lower'), join(mounted.path, 'upper')] as const;
      for (const layer of layers) execFileSync('btrfs', ['subvolume', 'create', layer], { stdio: 'ignore' });
      await comesBack(overlay(layers));
    } finally {
      for (const point of mounts.splice(0)) execFileSync('umount', [point]);
      mounted.unmount();
    }
  });
});

describe('two subvolumes that show one device, with a file of two names each and one number', () => {
  const two = ['one', 'two'] as const;
  let mounted: MountedFilesystem;
  beforeAll(() => {
    mounted = mountFilesystem('btrfs', { mebibytes: 128 });
    for (const name of two) {
      const layer = join(mounted.path, name);
      execFileSync('btrfs', ['subvolume', 'create', layer], { stdio: 'ignore' });
      mkdirSync(join(layer, `in-${name}`));
      writeFileSync(join(layer, `in-${name}`, 'a'), name);
      linkSync(join(layer, `in-${name}`, 'a'), join(layer, `in-${name}`, 'b'));
    }
  });
  afterAll(() => mounted.unmount());

  const arrangements: Readonly<Record<string, (tree: string) => void>> = {
    'below an overlay that notes them in numbers': (tree) => {
      const above = join(site, 'above');
      mkdirSync(above);
      mount('-t', 'tmpfs', 'tmpfs', above);
      for (const name of ['upper', 'work']) mkdirSync(join(above, name));
      const [one, other] = two.map((name) => join(mounted.path, name));
      const options = `xino=on,lowerdir=${one}:${other},upperdir=${above}/upper,workdir=${above}/work`;
      mount('-t', 'overlay', '-o', options, 'overlay', tree);
    },
    'behind bindfs': (tree) => {
      execFileSync('bindfs', [mounted.path, tree]);
      mounts.push(tree);
    },
  };

  it.each(Object.keys(arrangements))('%s have a content each', async (name) => {
    const tree = join(site, 'shadow');
    arrangements[name]!(tree);
    await lab.backUp({ shadow: tree });
    await lab.restore(target);

    const { differences } = await compareTrees(tree, join(target, 'shadow'), { ignoreFields: ['links'] });
    expect(differences).toEqual([]);
  });
});

describe('a time that no clock reaches', () => {
  it('costs neither its entry nor the others of its page', async () => {
    const tree = join(site, 'shadow');
    mount('-t', 'tmpfs', 'tmpfs', tree);
    for (const name of ['a', 'b', 'c']) writeFileSync(join(tree, name), name);
    const far = `import os; os.utime("b", ns=(0, 2 ** 60 * 10 ** 9)); os.utime("c", ns=(0, -(2 ** 60) * 10 ** 9))`;
    execFileSync('python3', ['-c', far], { cwd: tree });
    await lab.backUp({ shadow: tree });
    mkdirSync(target);
    mount('-t', 'tmpfs', 'tmpfs', target);
    const { exitStatus } = await lab.restore(target);

    expect(exitStatus).toBe(0);
    expect((await compareTrees(tree, join(target, 'shadow'))).differences).toEqual([]);
  });
});

describe('a root that is', () => {
  it.each<[string, () => void]>([
    ['missing', () => rmSync(join(site, 'info'), { recursive: true })],
    [
      'a symbolic link',
      () => {
        rmSync(join(site, 'info'), { recursive: true });
        symlinkSync(join(site, 'outside'), join(site, 'info'));
      },
    ],
  ])('%s makes its component failed and the snapshot partial; the other tree is kept', async (_, breakIt) => {
    writeFileSync(join(site, 'shadow/a'), 'kept');
    writeFileSync(join(site, 'outside/secret'), 'secret');
    breakIt();
    const { snapshot, exitStatus } = await lab.backUp(both());
    const { failures } = await lab.restore(target);

    expect(exitStatus).toBe(25);
    expect(snapshot.header.state).toBe('partial');
    expect(snapshot.body.components.map((one) => [one.name, one.state, one.error?.code])).toEqual([
      ['shadow', 'complete', undefined],
      ['info', 'failed', 'TREE_UNREADABLE'],
    ]);
    expect(failures).toEqual([]);
    expect(execFileSync('find', [target, '-mindepth', '2', '-type', 'f'], { encoding: 'utf8' })).toBe(
      `${target}/shadow/a\n`,
    );
  });

  it('missing in every tree leaves no snapshot', async () => {
    const report = await lab.run({ shadow: join(site, 'nowhere'), info: join(site, 'nor-here') });

    expect(report.outcomes.map(({ error }) => error?.code)).toEqual(['RUN_FAILED']);
    await expect(lab.latest()).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
  });
});
