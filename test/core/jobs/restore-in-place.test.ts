/**
 * Restore in place: whatever happened to a live tree, it comes back equal, and nothing that was right is touched.
 */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../../support/backup.ts';
import { compareTrees } from '../../support/compare-trees.ts';
import { type FilesystemKind, type MountedFilesystem, mountFilesystem } from '../../support/filesystems.ts';
import { buildFixtureTree } from '../../support/fixture-tree.ts';
import { accountAt, restoreTreeInPlace } from '../../support/in-place.ts';

describe.each<FilesystemKind>(['ext4', 'xfs'])('a tree restored in place on %s', (kind) => {
  const directory = mkdtempSync(join(tmpdir(), `holdfast-in-place-${kind}-`));
  let mounted: MountedFilesystem;
  let lab: Lab;
  let tree: string;
  let golden: string;
  let canary: string;

  beforeAll(async () => {
    mounted = mountFilesystem(kind);
    tree = join(mounted.path, 'tree');
    golden = join(mounted.path, 'golden');
    canary = join(mounted.path, 'canary');
    await buildFixtureTree(tree, { files: 300 });
    addPlainFiles(tree);
    lab = await openLab(directory);
    await lab.backUp({ shadow: tree });
    await lab.restore(golden);
    golden = join(golden, 'shadow');
  });
  afterAll(async () => {
    await lab.close();
    mounted.unmount();
    rmSync(directory, { recursive: true, force: true });
  });

  const differences = async () => (await compareTrees(golden, tree)).differences;
  const inPlace = (options: Parameters<typeof restoreTreeInPlace>[3] = {}) =>
    restoreTreeInPlace(lab, directory, accountAt(tree), options);

  it('is left alone where nothing has changed', async () => {
    const before = inodes(tree);
    const { list, failures, exitStatus } = await inPlace({ delete: true });

    expect({ list, failures, exitStatus }).toEqual({ list: [], failures: [], exitStatus: 0 });
    expect(inodes(tree)).toEqual(before);
  });

  it('comes back from every kind of damage, by exactly what the dry run lists', async () => {
    const before = inodes(tree);
    const rewritten = damage(tree, canary);
    const planned = await inPlace({ delete: true, dryRun: true });
    const done = await inPlace({ delete: true });

    expect({ failures: done.failures, warnings: done.warnings }).toEqual({ failures: [], warnings: [] });
    expect(done.list).toEqual(planned.list);
    expect(done.actions).toEqual(planned.actions);
    expect(await differences()).toEqual([]);
    const after = inodes(tree);
    const changed = [...before].filter(([path, inode]) => after.get(path) !== inode).map(([path]) => path);
    // Some inode numbers are used again; none but these may be another.
    expect(
      changed.filter((path) => !rewritten.some((one) => path === one || path.startsWith(`${one}/`))),
    ).toEqual([]);
    expect(readFileSync(canary, 'utf8')).toBe('canary\n');
    expect(lstatSync(canary).mode & 0o7777).toBe(0o640);
    expect((await inPlace({ delete: true })).list).toEqual([]);
  });

  it('keeps what it has besides where deleting was not asked for', async () => {
    const extra = join(tree, 'plain/extra.txt');
    writeFileSync(extra, 'mine');
    writeFileSync(join(tree, 'plain/one.txt'), 'other');
    const { list } = await inPlace();

    expect(list).toEqual(['metadata shadow/plain', 'content shadow/plain/one.txt']);
    expect(readFileSync(extra, 'utf8')).toBe('mine');
    expect((await inPlace()).list).toEqual([]);
    const planned = await inPlace({ delete: true, dryRun: true });
    expect((await inPlace({ delete: true })).list).toEqual(planned.list);
    expect(planned.list).toEqual(['delete shadow/plain/extra.txt']);
    expect(await differences()).toEqual([]);
  });
});

const plain = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

function addPlainFiles(tree: string): void {
  const directory = join(tree, 'plain');
  mkdirSync(join(directory, 'sub/deeper'), { recursive: true });
  mkdirSync(join(directory, 'gone/below'), { recursive: true });
  for (const name of plain) writeFileSync(join(directory, `${name}.txt`), `${name}\n`.repeat(100));
  writeFileSync(join(directory, 'sub/deeper/file'), 'deeper');
  writeFileSync(join(directory, 'gone/below/file'), 'gone');
  writeFileSync(join(directory, 'linked-1'), 'linked');
  for (const n of [2, 3]) linkSync(join(directory, 'linked-1'), join(directory, `linked-${n}`));
  symlinkSync('one.txt', join(directory, 'symlink'));
  execFileSync('chown', ['-hR', '1234:1234', directory]);
  execFileSync('chown', ['-R', '0:0', join(directory, 'gone')]);
  execFileSync('mknod', [join(directory, 'whiteout'), 'c', '0', '0']);
  execFileSync('setfacl', ['-m', 'u:1234:rw', join(directory, 'seven.txt')]);
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', join(directory, 'eight.txt')]);
}

/** @returns paths whose inode must be another one afterwards */
function damage(tree: string, canary: string): string[] {
  const at = (name: string): string => join(tree, 'plain', name);
  writeFileSync(canary, 'canary\n', { mode: 0o640 });
  chmodSync(canary, 0o640);
  // Content: another size; the same size and another time; metadata alone.
  writeFileSync(at('one.txt'), 'defaced');
  const two = readFileSync(at('two.txt'));
  two[5] = 0x21;
  writeFileSync(at('two.txt'), two);
  chmodSync(at('three.txt'), 0o777);
  lchownSync(at('four.txt'), 4321, 4321);
  utimesSync(at('five.txt'), 1, 1);
  // The name now leads to somebody else's file.
  unlinkSync(at('six.txt'));
  linkSync(canary, at('six.txt'));
  execFileSync('setfacl', ['-b', at('seven.txt')]);
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'changed', at('eight.txt')]);
  execFileSync('setfattr', ['-n', 'user.more', '-v', 'more', at('eight.txt')]);
  // Types: a file in the place of a directory, a directory in that of a file, links in that of directories.
  unlinkSync(at('nine.txt'));
  mkdirSync(at('nine.txt/with/more'), { recursive: true });
  writeFileSync(at('nine.txt/with/file'), 'x');
  rmSync(at('gone'), { recursive: true });
  symlinkSync('/etc', at('gone'));
  rmSync(at('sub/deeper'), { recursive: true });
  writeFileSync(at('sub/deeper'), 'a file');
  // Links: broken apart, and joined with others.
  unlinkSync(at('linked-2'));
  writeFileSync(at('linked-2'), 'linked');
  unlinkSync(at('symlink'));
  symlinkSync('/etc/passwd', at('symlink'));
  unlinkSync(at('whiteout'));
  writeFileSync(at('whiteout'), 'shows again');
  // What is too much.
  mkdirSync(at('extra/deep/er'), { recursive: true });
  writeFileSync(at('extra/deep/er/file'), 'x');
  symlinkSync('/etc', at('extra/deep/link'));
  linkSync(canary, at('extra/canary'));
  writeFileSync(at('.holdfast-0123456789abcdef.tmp'), 'left behind');
  chmodSync(join(tree, 'plain/sub'), 0o711);
  renameSync(join(tree, 'many'), join(tree, 'many-moved'));
  const rewritten = ['one.txt', 'two.txt', 'four.txt', 'six.txt', 'nine.txt', 'gone', 'sub/deeper'];
  rewritten.push('linked-2', 'symlink', 'whiteout');
  return ['many', ...rewritten.map((name) => `plain/${name}`)];
}

function inodes(tree: string): Map<string, bigint> {
  const found = new Map<string, bigint>();
  const script = 'find . -printf "%i %p\\0"';
  for (const record of execFileSync('sh', ['-c', script], { cwd: tree, maxBuffer: 2 ** 28 })
    .toString('latin1')
    .split('\0')) {
    const [, inode, path] = /^(\d+) \.\/(.*)$/s.exec(record) ?? [];
    if (path !== undefined) found.set(path, BigInt(inode!));
  }
  return found;
}
