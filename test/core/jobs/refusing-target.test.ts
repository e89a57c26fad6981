/** Targets that cannot hold everything: what they refuse is named, what is short is mended by `resume`. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  watch,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RestoreThreads } from '../../../src/core/jobs/restore/restore-threads.ts';
import { type Lab, openLab, runRescue } from '../../support/backup.ts';
import { cannedEngine, cannedSelector } from '../../support/canned-engine.ts';
import { compareTrees } from '../../support/compare-trees.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-refusing-'));
const tree = join(directory, 'tree');
const point = join(directory, 'mount');
let lab: Lab;

beforeAll(async () => {
  mkdirSync(join(tree, 'data'), { recursive: true });
  mkdirSync(point);
  for (let i = 0; i < 40; i++)
    writeFileSync(join(tree, 'data', `${i}.bin`), Buffer.alloc(1024 * 1024, `${i}|`));
  writeFileSync(join(tree, 'attributes'), 'content');
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'x', join(tree, 'attributes')]);
  execFileSync('setfacl', ['-m', 'u:33:rwx', join(tree, 'data')]);
  execFileSync('chattr', ['+d', join(tree, 'attributes')]);
  const sparse = openSync(join(tree, 'sparse'), 'w');
  for (let i = 0; i < 26; i++)
    writeSync(sparse, Buffer.alloc(1024 * 1024, `${i}-`), 0, 1024 * 1024, i * 2 ** 21);
  closeSync(sparse);
  lab = await openLab(directory);
  const engines = [cannedEngine({ canned_one: 'a'.repeat(6 * 1024 * 1024), canned_two: 'two' })];
  await lab.backUp({ shadow: tree }, { engines, databases: [cannedSelector] });
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});

/** An empty directory that no other try has seen. */
const fresh = (): string => mkdtempSync(join(directory, 'target-'));

async function on(type: string, options: string, action: () => Promise<void>): Promise<void> {
  execFileSync('mount', ['-t', type, '-o', options, type, point]);
  try {
    await action();
  } finally {
    // A process in a mount namespace of its own may hold it a moment longer.
    execFileSync('umount', ['-l', point]);
  }
}

describe('a file system without extended attributes', () => {
  it('gets everything else, and a warning for each attribute it refused', async () => {
    await on('ramfs', 'mode=700', async () => {
      const { warnings, failures, exitStatus } = await lab.restore(join(point, 'target'));
      const { differences } = await compareTrees(tree, join(point, 'target/shadow'));

      expect(exitStatus).toBe(100);
      expect(failures).toEqual([]);
      expect(warnings.map(({ code, path }) => `${code} ${path}`).sort()).toEqual([
        'flags-refused shadow/attributes',
        'xattr-refused shadow/attributes',
        'xattr-refused shadow/data',
      ]);
      expect(
        warnings.filter(({ path }) => path === 'shadow/attributes').map(({ message }) => message),
      ).toEqual(['cannot set extended attribute user.note: EOPNOTSUPP', 'what chattr had set: ENOTTY']);
      expect([...new Set(differences.map(({ path, field }) => `${path} ${field}`))]).toEqual([
        'attributes xattr',
        'data mode', // its group has no more than the ACL gave it
        'data xattr',
        'sparse holes', // not told by ramfs
      ]);
      expect(statSync(join(point, 'target/shadow/data')).mode & 0o777).toBe(0o755);
    });
  });
});

describe('a file system that is too small', () => {
  it('stops the restore with a plain word, and resume completes it once there is room', async () => {
    await on('tmpfs', 'size=20m', async () => {
      const target = join(point, 'target');
      const full = {
        code: 'TARGET_UNWRITABLE',
        message: expect.stringMatching(/"\S+\/target": .*ENOSPC$/) as string,
      };
      const onwards = { ...full, hint: expect.stringMatching(/--resume/) as string };
      await expect(lab.restore(target)).rejects.toMatchObject(onwards);
      const pool = new RestoreThreads(1);
      await expect(
        lab.restore(target, { resume: true, pool }).finally(() => pool.close()),
      ).rejects.toMatchObject(onwards);
      const rest = spawnSync('dd', ['if=/dev/zero', `of=${join(point, 'rest')}`, 'bs=4k']);
      expect(rest.stderr.toString()).toContain('No space left');
      await expect(lab.restore(target, { resume: true })).rejects.toMatchObject({
        ...full,
        hint: expect.stringMatching(/^Make room/) as string,
      });
      rmSync(join(point, 'rest'));
      execFileSync('mount', ['-o', 'remount,size=100m', point]);
      const { kept, exitStatus } = await lab.restore(target, { resume: true });

      expect(exitStatus).toBe(0);
      expect(kept).toBeGreaterThan(5);
      expect((await compareTrees(tree, join(target, 'shadow'))).differences).toEqual([]);
    });
  });
});

describe('a disk that loses what it has taken', () => {
  /** ext4 on an image that has no room for all of itself, as a thin volume: only flushing tells. */
  async function onThinDisk(action: (target: string) => Promise<void>): Promise<void> {
    await on('tmpfs', 'size=24m', async () => {
      const image = join(point, 'image');
      const disk = join(point, 'disk');
      writeFileSync(image, '');
      truncateSync(image, 200 * 1024 * 1024);
      mkdirSync(disk);
      execFileSync('mkfs.ext4', ['-q', '-F', '-O', '^has_journal', '-E', 'nodiscard', image]);
      execFileSync('mount', ['-o', 'loop', image, disk]);
      try {
        await action(join(disk, 'target'));
      } finally {
        execFileSync('umount', ['-l', disk]);
      }
    });
  }

  it('is no success, and nothing is gone on with', async () => {
    await onThinDisk(async (target) => {
      const paths = [Buffer.from('shadow/data')];
      await expect(lab.restore(target, { paths })).rejects.toMatchObject({
        code: 'TARGET_UNWRITABLE',
        message: expect.stringMatching(/is not on the disk: E/) as string,
      });
      await expect(lab.restore(target, { paths, resume: true })).rejects.toMatchObject({
        code: 'TARGET_NOT_EMPTY',
        message: expect.stringContaining('holds no restore to go on with') as string,
      });
    });
  });

  it.each([
    ['', /^stopped: what was written is not on the disk: /m],
    ['raise ImportError', /shadow\/data\/\d+\.bin: (No space|Input\/output)/],
  ])('is no success for rescue.py either, also where ctypes is %j', async (ctypes, told) => {
    const PYTHONPATH = fresh();
    if (ctypes !== '') writeFileSync(join(PYTHONPATH, 'ctypes.py'), ctypes);
    await onThinDisk(async (target) => {
      const args = ['restore', 'latest', '--account', 'site1', '--path', 'shadow/data', '--to', target];
      const { status, stderr } = await runRescue(lab.storePath, args, { ...process.env, PYTHONPATH });

      expect(stderr).toMatch(told);
      expect(status).toBeGreaterThan(0);
    });
  });

  it('leaves no file with holes that has its size and its time before its content', async () => {
    await onThinDisk(async (target) => {
      const paths = [Buffer.from('shadow/sparse')];
      await expect(lab.restore(target, { paths })).rejects.toMatchObject({ code: 'TARGET_UNWRITABLE' });
      expect(existsSync(join(target, 'shadow/sparse'))).toBe(false);
    });
  });
});

describe('the target directory', () => {
  it('is refused where it holds something, unless it is to be resumed', async () => {
    const target = join(directory, 'occupied');
    mkdirSync(target);
    writeFileSync(join(target, 'mine'), 'mine');

    await expect(lab.restore(target)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' });
    expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('mine');
  });

  it('is taken where a run was killed over its first mark, and left where somebody else wrote the mark', async () => {
    const target = fresh();
    const half = (pid: number): string => join(target, `..holdfast-restore.json.${pid}-1.tmp`);
    const paths = [Buffer.from('shadow/attributes')];
    writeFileSync(half(2), '{');
    chownSync(half(2), 1234, 1234);
    await expect(lab.restore(target, { paths })).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' });
    chownSync(half(2), 0, 0);
    for (const resume of [false, true]) {
      await lab.restore(target, { paths, resume });
      expect(readdirSync(target).sort()).toEqual(['.holdfast-restore.json', 'shadow']);
      writeFileSync(half(3), '');
    }

    chownSync(join(target, '.holdfast-restore.json'), 65534, 65534);
    await expect(lab.restore(target, { paths, resume: true })).rejects.toMatchObject({
      code: 'TARGET_NOT_EMPTY',
      hint: expect.stringContaining('belongs to uid 65534') as string,
    });
  });

  it('is closed to others until the end and gets its own mode back then', async () => {
    const target = fresh();
    execFileSync('chmod', ['0755', target]);
    const modes = new Set<number>();
    await lab.restore(target, { onEvent: () => modes.add(statSync(target).mode & 0o7777) });

    expect([...modes].filter((mode) => mode !== 0o755 || modes.size > 2)).toEqual([0o700]);
    expect(statSync(target).mode & 0o7777).toBe(0o755);
  });

  it('has them back before the mark forgets them: whenever a run dies, one or the other knows', async () => {
    const target = fresh();
    const mark = '.holdfast-restore.json';
    const changed: (string | null)[] = [];
    const watcher = watch(target, (_, name) => changed.push(name));
    try {
      await lab.restore(target, { paths: [Buffer.from('shadow/attributes')] });
      writeFileSync(join(target, 'last'), '');
      await vi.waitFor(() => expect(changed).toContain('last'), { timeout: 10_000 });
    } finally {
      watcher.close();
    }

    // Its own name stands for the directory itself.
    expect(changed.lastIndexOf(basename(target))).toBeGreaterThan(changed.indexOf(mark));
    expect(changed.lastIndexOf(mark)).toBeGreaterThan(changed.lastIndexOf(basename(target)));
    expect(readFileSync(join(target, mark), 'utf8')).toContain('"access": null');
  });

  it('gets its owner and access lists back, also from a restore that was gone on with', async () => {
    const target = fresh();
    execFileSync('chown', ['1234:1235', target]);
    execFileSync('setfacl', ['-m', 'g::---,u:33:rwx,d:u:34:r', target]);
    const acl = () => execFileSync('getfacl', ['-nc', '--absolute-names', target]).toString();
    const before = acl();
    const stop = new AbortController();
    const onEvent = (): void => stop.abort();

    await expect(lab.restore(target, { onEvent, signal: stop.signal })).rejects.toThrow();
    expect(statSync(target)).toMatchObject({ uid: 0, gid: 0 });
    expect(statSync(target).mode & 0o7777).toBe(0o700);
    await lab.restore(target, { resume: true });
    expect(statSync(target)).toMatchObject({ uid: 1234, gid: 1235 });
    expect(acl()).toBe(before);
    expect(
      execFileSync('getfacl', ['-nc', '--absolute-names', join(target, 'shadow')]).toString(),
    ).not.toContain('34');
  });
});

describe('an export that is restored', () => {
  it('says plainly where there is no room', async () => {
    await on('tmpfs', 'size=4m', async () => {
      await expect(lab.restore(join(point, 'target'), { databases: ['canned_one'] })).rejects.toMatchObject({
        code: 'TARGET_UNWRITABLE',
        message: expect.stringMatching(/\/target": cannot write: ENOSPC$/) as string,
      });
    });
  });

  it('is made again by resume where it is not what the snapshot has', async () => {
    const target = fresh();
    const databases = ['canned_one', 'canned_two'];
    await lab.restore(target, { databases });
    writeFileSync(join(target, 'databases/canned/canned_two.sql'), 'TWO');
    const { kept } = await lab.restore(target, { databases, resume: true });

    expect(kept).toBe(3);
    expect(readFileSync(join(target, 'databases/canned/canned_two.sql'), 'utf8')).toBe('two');
  });
});

describe('resume', () => {
  it('makes again what is there but was changed, and keeps what is whole', async () => {
    const target = fresh();
    await lab.restore(target);
    const damaged = join(target, 'shadow/data/7.bin');
    writeFileSync(damaged, 'torn');
    rmSync(join(target, 'shadow/data/8.bin'));
    utimesSync(join(target, 'shadow/data'), 1, 1);
    const { kept } = await lab.restore(target, { resume: true });

    expect(kept).toBe(44);
    expect((await compareTrees(tree, join(target, 'shadow'))).differences).toEqual([]);
  });

  it('goes on with the same snapshot only', async () => {
    const target = fresh();
    const paths = [Buffer.from('shadow/attributes')];
    const older = await lab.latest();
    await lab.restore(target, { paths });
    await lab.backUp({ shadow: tree });

    await expect(lab.restore(target, { paths, resume: true })).rejects.toMatchObject({
      code: 'TARGET_NOT_EMPTY',
      message: expect.stringContaining(older.name) as string,
      hint: expect.stringContaining(`holdfast restore ${older.name} --to DIR --resume`) as string,
    });
    expect((await lab.restore(target, { paths, resume: true, snapshot: older })).kept).toBe(1);
  });
});
