/** What `chattr` sets: it comes back by our restore, by rescue.py and by bsdtar, after all that it would forbid. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Entry, entryFlags, fileType } from '../../../src/core/archive/entry.ts';
import { isProtectedLast } from '../../../src/core/jobs/restore/protection.ts';
import { type Lab, openLab } from '../../support/backup.ts';
import { compareTrees } from '../../support/compare-trees.ts';
import { type MountedFilesystem, mountFilesystem } from '../../support/filesystems.ts';

const expected = {
  '.': '',
  closed: 'i',
  'closed/below': '',
  'closed/log': 'a',
  linked: 'i',
  'linked-too': 'i',
  log: 'ad',
  plain: '',
  scratch: 'd',
  'scratch-too': 'd',
  'scratch-too/below': '',
  'scratch-too/below/file': 'd',
  settings: 'i',
};

function build(tree: string): void {
  for (const name of ['closed/below', 'scratch-too/below']) mkdirSync(join(tree, name), { recursive: true });
  for (const name of [
    'closed/log',
    'scratch-too/below/file',
    'linked',
    'log',
    'plain',
    'scratch',
    'settings',
  ])
    writeFileSync(join(tree, name), `what ${name} holds\n`);
  linkSync(join(tree, 'linked'), join(tree, 'linked-too'));
  for (const [name, flags] of Object.entries(expected))
    if (flags !== '') execFileSync('chattr', [`+${flags}`, join(tree, name)]);
}

it('comes when all else is there where it forbids changes or is handed down, and never to what is no file or directory', () => {
  const { immutable, appendOnly, noDump } = entryFlags;
  const cases = [fileType.regular, fileType.directory, fileType.fifo].map((type) =>
    [immutable, appendOnly | noDump, noDump, 0].map((flags) =>
      isProtectedLast({ mode: type, flags } as Entry),
    ),
  );

  expect(cases).toEqual([
    [true, true, false, false],
    [true, true, true, false],
    [false, false, false, false],
  ]);
});

/** Of each entry those that are kept, as `lsattr` names them. */
function flagsIn(tree: string): Record<string, string> {
  const names = ['.', ...readdirSync(tree, { recursive: true, encoding: 'utf8' })];
  return Object.fromEntries(
    names.map((name) => {
      const line = execFileSync('lsattr', ['-d', join(tree, name)], { encoding: 'utf8' });
      return [name, line.split(' ')[0]!.replace(/[^iad]/g, '')];
    }),
  );
}

function segmentsOf(lab: Lab): string[] {
  const data = join(lab.storePath, 'data');
  const keys = readdirSync(data, { recursive: true, encoding: 'utf8' });
  return keys
    .filter((key) => key.endsWith('.tar.zst'))
    .sort()
    .map((key) => join(data, key));
}

function remove(path: string): void {
  execFileSync('chattr', ['-R', '-i', '-a', path]);
  rmSync(path, { recursive: true });
}

describe.each(['ext4', 'xfs'] as const)('on %s', (kind) => {
  const directory = mkdtempSync(join(tmpdir(), `holdfast-inode-flags-${kind}-`));
  let mounted: MountedFilesystem;
  let lab: Lab;
  let [tree, target] = ['', ''];

  beforeAll(async () => {
    mounted = mountFilesystem(kind, { mebibytes: 512 });
    tree = join(mounted.path, 'tree');
    target = join(mounted.path, 'restored');
    build(tree);
    lab = await openLab(directory);
    await lab.backUp({ shadow: tree });
  });
  afterAll(async () => {
    await lab.close();
    mounted.unmount();
    rmSync(directory, { recursive: true, force: true });
  });

  it('comes back, also where all is there already', async () => {
    for (const resume of [false, true]) {
      const { warnings, failures } = await lab.restore(target, { resume });
      expect({ resume, warnings, failures }).toEqual({ resume, warnings: [], failures: [] });
      expect(flagsIn(join(target, 'shadow'))).toEqual(expected);
    }
    expect((await compareTrees(tree, join(target, 'shadow'))).differences).toEqual([]);
    remove(target);
  });

  it('waits where something is missing, so that a restore can go on below an immutable directory', async () => {
    const segments = segmentsOf(lab).map((path) => [path, `${path}.away`] as const);
    for (const [path, away] of segments) renameSync(path, away);
    const first = await lab.restore(target);
    for (const [path, away] of segments) renameSync(away, path);

    expect(first.failureCount).toBeGreaterThan(0);
    expect(first.warningCounts).toEqual({ 'flags-refused': 7 });
    expect(new Set(Object.values(flagsIn(join(target, 'shadow'))))).toEqual(new Set(['']));
    expect((await lab.restore(target, { resume: true })).exitStatus).toBe(0);
    expect(flagsIn(join(target, 'shadow'))).toEqual(expected);
    remove(target);
  });

  it('comes back through rescue.py', async () => {
    const { status, stderr } = await lab.rescue('restore', 'latest', '--account', 'site1', '--to', target);

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(flagsIn(join(target, 'shadow'))).toEqual(expected);
    expect((await compareTrees(tree, join(target, 'shadow'))).differences).toEqual([]);
    remove(target);
  });

  it('comes back through bsdtar, while GNU tar says that it does not know it', () => {
    const extract = (program: string): string => {
      mkdirSync(target);
      const command = `zstd -dcq "$@" | ${program} --numeric-owner --same-owner -xpf -`;
      return spawnSync('sh', ['-c', command, 'sh', ...segmentsOf(lab)], { cwd: target }).stderr.toString();
    };
    expect(extract('bsdtar')).toBe('');
    expect(flagsIn(join(target, 'shadow'))).toEqual(expected);
    remove(target);
    expect(extract('tar')).toMatch(/^(tar: Ignoring unknown extended header keyword 'SCHILY\.fflags'\n){8}$/);
    remove(target);
  });

  it('is not brought back from a snapshot that nobody vouches for', async () => {
    await lab.restore(target, { restriction: { uid: 1000, gid: 1000 } });

    expect(new Set(Object.values(flagsIn(join(target, 'shadow'))))).toEqual(new Set(['']));
    remove(target);
  });

  it('is a change of metadata, which the next snapshot has', async () => {
    execFileSync('chattr', ['-i', join(tree, 'settings')]);
    execFileSync('chattr', ['+i', join(tree, 'plain')]);
    appendFileSync(join(tree, 'log'), 'more\n');
    await lab.backUp({ shadow: tree });
    await lab.restore(target);

    expect(flagsIn(join(target, 'shadow'))).toEqual({ ...expected, plain: 'i', settings: '' });
    remove(target);
  });
});
