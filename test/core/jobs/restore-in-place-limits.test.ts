/**
 * Restore in place where something must not be touched, cannot be touched, or has no room.
 */

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lockAccount } from '../../../src/core/jobs/account-lock.ts';
import { type Lab, openLab } from '../../support/backup.ts';
import { type MountedFilesystem, mountFilesystem } from '../../support/filesystems.ts';
import { accountAt, plainPanel, restoreTreeInPlace } from '../../support/in-place.ts';

const incomplete = 62;

describe('restore in place', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-in-place-limits-'));
  let mounted: MountedFilesystem;
  let lab: Lab;
  let tree: string;

  beforeAll(async () => {
    mounted = mountFilesystem('ext4', { mebibytes: 64 });
    lab = await openLab(directory);
  });
  afterAll(async () => {
    await lab.close();
    mounted.unmount();
    rmSync(directory, { recursive: true, force: true });
  });
  beforeEach(() => {
    tree = join(mounted.path, 'tree');
    mkdirSync(join(tree, 'a/b/c'), { recursive: true });
    for (const name of ['a/one', 'a/two', 'a/b/three', 'a/b/c/four']) writeFileSync(at(name), `${name}\n`);
    execFileSync('chown', ['-R', '1234:1234', tree]);
  });
  afterEach(() => {
    execFileSync('sh', ['-c', 'chattr -R -f -i -a "$1" || true', 'sh', tree]);
    rmSync(tree, { recursive: true });
  });

  const at = (name: string): string => join(tree, name);
  const backUp = (exclude: readonly string[] = []) => lab.backUp({ shadow: { path: tree, exclude } });
  const inPlace = (options: Parameters<typeof restoreTreeInPlace>[3] = {}, account = accountAt(tree)) =>
    restoreTreeInPlace(lab, directory, account, options);
  const paths = (...names: readonly string[]) => names.map((name) => Buffer.from(`shadow/${name}`));

  it('says which entries are immutable and goes on with the others', async () => {
    await backUp();
    for (const name of ['a/one', 'a/two', 'a/b/three', 'a/b/c/four']) writeFileSync(at(name), 'x');
    writeFileSync(at('a/b/extra'), 'x');
    execFileSync('chattr', ['+i', at('a/one')]);
    execFileSync('chattr', ['+a', at('a/two')]);
    execFileSync('chattr', ['+i', at('a/b')]);
    const planned = await inPlace({ delete: true, dryRun: true });
    const { list, failures, exitStatus } = await inPlace({ delete: true });

    expect(failures.map(({ path }) => path)).toEqual([
      'shadow/a/b/extra',
      'shadow/a/b',
      'shadow/a/b/three',
      'shadow/a/one',
      'shadow/a/two',
    ]);
    expect(failures.every(({ message }) => message.includes('immutable'))).toBe(true);
    expect(exitStatus).toBe(incomplete);
    expect(list).toEqual(['content shadow/a/b/c/four']);
    expect(planned.list).toEqual(list);
    expect(planned.failures).toEqual(failures);
    expect(readFileSync(at('a/b/c/four'), 'utf8')).toBe('a/b/c/four\n');
  });

  it('never touches what is mounted in the tree', async () => {
    await backUp();
    const point = at('a/b');
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', point]);
    try {
      mkdirSync(join(point, 'c'));
      writeFileSync(join(point, 'three'), 'mounted');
      writeFileSync(at('a/one'), 'x');
      const { list, failures, exitStatus } = await inPlace({ delete: true });

      expect(readFileSync(join(point, 'three'), 'utf8')).toBe('mounted');
      expect(failures).toEqual([
        { path: 'shadow/a/b', message: expect.stringContaining('is a mount or a subvolume') },
      ]);
      expect({ list, exitStatus }).toEqual({ list: ['content shadow/a/one'], exitStatus: incomplete });
    } finally {
      execFileSync('umount', [point]);
    }
  });

  it('does not delete through a mount that is too much', async () => {
    await backUp();
    mkdirSync(at('a/extra/point'), { recursive: true });
    writeFileSync(at('a/extra/file'), 'x');
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', at('a/extra/point')]);
    try {
      writeFileSync(at('a/extra/point/file'), 'mounted');
      const { list, failures } = await inPlace({ delete: true });

      expect(existsSync(at('a/extra/point/file'))).toBe(true);
      expect(list).toEqual(['delete shadow/a/extra/file', 'metadata shadow/a']);
      expect(failures.map(({ path }) => path)).toEqual(['shadow/a/extra/point']);
    } finally {
      execFileSync('umount', [at('a/extra/point')]);
    }
  });

  it('never deletes what backups leave out, then or now', async () => {
    for (const name of ['a/cache', 'a/excluded-now']) mkdirSync(at(name));
    writeFileSync(at('a/b/log.txt'), 'x');
    await backUp(['a/cache', 'a/b/log.txt']);
    writeFileSync(at('a/cache/one'), 'x');
    writeFileSync(at('a/excluded-later'), 'x');
    writeFileSync(at('a/b/extra'), 'x');
    const account = accountAt(tree, {
      trees: [{ name: 'shadow', path: tree, exclude: ['a/excluded-later'] }],
    });
    const { list, exitStatus } = await inPlace({ delete: true }, account);

    expect(list.filter((one) => one.startsWith('delete'))).toEqual(['delete shadow/a/b/extra']);
    expect(exitStatus).toBe(0);
    for (const name of ['a/cache/one', 'a/excluded-later', 'a/b/log.txt'])
      expect(existsSync(at(name))).toBe(true);
  });

  it('replaces a directory that holds something only where deleting was asked for', async () => {
    await backUp();
    unlinkSync(at('a/one'));
    mkdirSync(at('a/one'));
    writeFileSync(at('a/one/mine'), 'x');
    const kept = await inPlace();

    expect(kept.failures).toEqual([{ path: 'shadow/a/one', message: expect.stringContaining('--delete') }]);
    expect(existsSync(at('a/one/mine'))).toBe(true);
    const planned = await inPlace({ delete: true, dryRun: true });
    const { list, failures } = await inPlace({ delete: true });
    expect(failures).toEqual([]);
    expect(list).toEqual(planned.list);
    expect(list).toContain('delete shadow/a/one/mine');
    expect(readFileSync(at('a/one'), 'utf8')).toBe('a/one\n');
  });

  it('restores a path alone, with the directories above it that are missing, and deletes below it alone', async () => {
    execFileSync('chmod', ['711', at('a/b')]);
    await backUp();
    rmSync(at('a/b'), { recursive: true });
    writeFileSync(at('a/extra'), 'x');
    writeFileSync(at('a/one'), 'x');
    const { list } = await inPlace({ paths: paths('a/b/c'), delete: true });

    expect(list).toEqual(['create shadow/a/b', 'create shadow/a/b/c', 'create shadow/a/b/c/four']);
    expect(statSync(at('a/b')).mode & 0o777).toBe(0o711);
    expect(statSync(at('a/b')).uid).toBe(1234);
    expect(readFileSync(at('a/one'), 'utf8')).toBe('x');
    expect(existsSync(at('a/extra'))).toBe(true);
  });

  it('does not follow a link in the place of a directory above the path', async () => {
    await backUp();
    rmSync(at('a/b'), { recursive: true });
    const elsewhere = join(mounted.path, 'elsewhere');
    mkdirSync(join(elsewhere, 'c'), { recursive: true });
    symlinkSync(elsewhere, at('a/b'));
    const { list, failures } = await inPlace({ paths: paths('a/b/c') });

    expect(list).toEqual([]);
    expect(failures.map(({ path }) => path)).toEqual(['shadow/a/b/c']);
    expect(existsSync(join(elsewhere, 'c/four'))).toBe(false);
  });

  it('hashes contents whose size and time are equal only where that was asked for', async () => {
    await backUp();
    execFileSync('sh', [
      '-c',
      'touch -r "$1" "$2"; printf "A/ONE\\n" >"$1"; touch -r "$2" "$1"',
      'sh',
      at('a/one'),
      join(mounted.path, 'reference'),
    ]);

    expect((await inPlace()).list).toEqual([]);
    expect((await inPlace({ compareContents: 'always' })).list).toEqual(['content shadow/a/one']);
    utimesSync(at('a/two'), 1, 1);
    expect((await inPlace()).list).toEqual(['metadata shadow/a/two']);
  });

  it('refuses with the numbers where a quota or the file system has no room', async () => {
    await backUp();
    rmSync(at('a/b'), { recursive: true });
    const readLimits: NonNullable<Parameters<typeof inPlace>[0]>['readLimits'] = (_fd, whose, id) =>
      whose === 'group' && id === 1234 ? { bytes: 4096, inodes: 2 } : null;

    await expect(inPlace({ readLimits })).rejects.toMatchObject({
      code: 'TARGET_UNWRITABLE',
      message: expect.stringMatching(
        /quota of group 1234 has room for 4096 bytes, and 8192 are needed; .* 2 inodes, and 4 are needed/,
      ),
    });
    expect(existsSync(at('a/b'))).toBe(false);
    await expect(inPlace({ readLimits, dryRun: true })).rejects.toMatchObject({ code: 'TARGET_UNWRITABLE' });
  });

  it('counts what is deleted and replaced as room', async () => {
    await backUp();
    writeFileSync(at('a/one'), Buffer.alloc(1024 * 1024));
    execFileSync('chown', ['1234:1234', at('a/one')]);
    const room = (bytes: number) => ({ readLimits: () => ({ bytes, inodes: 1 }) });

    await expect(inPlace(room(4095))).rejects.toMatchObject({ code: 'TARGET_UNWRITABLE' });
    expect((await inPlace(room(4096))).list).toEqual(['content shadow/a/one']);
  });

  it('stops cleanly where the file system is full after all, and a repeat does the rest', async () => {
    writeFileSync(at('a/large-1'), Buffer.alloc(8 * 1024 * 1024, 1));
    writeFileSync(at('a/large-2'), Buffer.alloc(8 * 1024 * 1024, 2));
    await backUp();
    unlinkSync(at('a/large-1'));
    unlinkSync(at('a/large-2'));
    const filler = join(mounted.path, 'filler');
    const onEvent: NonNullable<Parameters<typeof inPlace>[0]>['onEvent'] = (event) => {
      if (event.type === 'action' && event.path.toString() === 'shadow/a/large-1') {
        execFileSync('sh', ['-c', 'head -c 100M /dev/zero >"$1" 2>/dev/null || true', 'sh', filler]);
      }
    };

    await expect(inPlace({ onEvent })).rejects.toMatchObject({
      code: 'TARGET_UNWRITABLE',
      message: expect.stringContaining('ENOSPC'),
    });
    rmSync(filler);
    const { list } = await inPlace({ delete: true });
    expect(list).toEqual(['metadata shadow/a', 'create shadow/a/large-2']);
    expect(readFileSync(at('a/large-2')).equals(Buffer.alloc(8 * 1024 * 1024, 2))).toBe(true);
  });

  it('is refused while the panel edits the account, a job has its lock, or the panel says so', async () => {
    const { snapshot } = await backUp();
    writeFileSync(at('a/one'), 'x');

    await expect(inPlace({}, accountAt(tree, { state: 'editing' }))).rejects.toMatchObject({
      code: 'ACCOUNT_LOCKED',
    });
    const lock = lockAccount(join(directory, 'state'), snapshot.header.owner, 'site1');
    await expect(inPlace()).rejects.toMatchObject({ code: 'ACCOUNT_LOCKED' });
    lock.release();
    const panel = { ...plainPanel, writablePath: async () => ({ path: null, reason: 'not today' }) };
    await expect(inPlace({ panel })).rejects.toMatchObject({ message: expect.stringContaining('not today') });
    expect(readFileSync(at('a/one'), 'utf8')).toBe('x');
  });

  it('tells the panel after a change, and not where nothing changed', async () => {
    await backUp();
    const told: (readonly string[])[] = [];
    const panel = {
      ...plainPanel,
      afterRestore: async ({ trees }: { trees: readonly string[] }) => void told.push(trees),
    };
    await inPlace({ panel });
    await inPlace({ panel, dryRun: true });
    expect(told).toEqual([]);
    unlinkSync(at('a/one'));
    await inPlace({ panel });
    expect(told).toEqual([['shadow']]);
  });

  it('links names in several trees where they are not one file, and only there', async () => {
    const other = join(mounted.path, 'other');
    mkdirSync(other);
    linkSync(at('a/one'), join(other, 'one'));
    await lab.backUp({ shadow: tree, other });
    const trees = [...accountAt(tree).trees, { name: 'other', path: other, exclude: [] }];
    const account = accountAt(tree, { trees });
    expect((await inPlace({}, account)).list).toEqual([]);

    unlinkSync(join(other, 'one'));
    writeFileSync(join(other, 'one'), 'x');
    expect((await inPlace({}, account)).list).toEqual(['metadata other', 'link other/one']);
    expect(statSync(join(other, 'one')).ino).toBe(statSync(at('a/one')).ino);
    rmSync(other, { recursive: true });
  });

  it('gives a shared file a new inode instead of editing it, also where only its metadata differs', async () => {
    await backUp();
    const canary = join(mounted.path, 'canary');
    linkSync(at('a/one'), canary);
    execFileSync('chmod', ['600', canary]);
    const { list } = await inPlace();

    expect(list).toEqual(['replace shadow/a/one']);
    expect(statSync(canary).mode & 0o777).toBe(0o600);
    expect(statSync(at('a/one')).nlink).toBe(1);
    unlinkSync(canary);
  });
});
