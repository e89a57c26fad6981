/** Targets that cannot hold everything: what they refuse is named, what is short is mended by `resume`. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../../support/backup.ts';
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
  lab = await openLab(directory);
  await lab.backUp({ shadow: tree });
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});

async function on(type: string, options: string, action: () => Promise<void>): Promise<void> {
  execFileSync('mount', ['-t', type, '-o', options, type, point]);
  try {
    await action();
  } finally {
    execFileSync('umount', [point]);
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
        'xattr-refused shadow/attributes',
        'xattr-refused shadow/data',
      ]);
      expect(warnings.find(({ path }) => path === 'shadow/attributes')?.message).toBe(
        'cannot set extended attribute user.note: EOPNOTSUPP',
      );
      expect([...new Set(differences.map(({ path, field }) => `${path} ${field}`))]).toEqual([
        'attributes xattr',
        'data xattr',
      ]);
    });
  });
});

describe('a file system that is too small', () => {
  it('stops the restore with a plain word, and resume completes it once there is room', async () => {
    await on('tmpfs', 'size=20m', async () => {
      const target = join(point, 'target');
      await expect(lab.restore(target)).rejects.toMatchObject({
        code: 'TARGET_UNWRITABLE',
        message: expect.stringMatching(/ENOSPC$/) as string,
        hint: expect.stringMatching(/--resume/) as string,
      });
      execFileSync('mount', ['-o', 'remount,size=100m', point]);
      const { kept, exitStatus } = await lab.restore(target, { resume: true });

      expect(exitStatus).toBe(0);
      expect(kept).toBeGreaterThan(5);
      expect((await compareTrees(tree, join(target, 'shadow'))).differences).toEqual([]);
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

  it('is closed to others until the end and gets its own mode back then', async () => {
    const target = join(directory, 'open');
    mkdirSync(target);
    execFileSync('chmod', ['0755', target]);
    const modes = new Set<number>();
    await lab.restore(target, { onEvent: () => modes.add(statSync(target).mode & 0o7777) });

    expect([...modes].filter((mode) => mode !== 0o755 || modes.size > 2)).toEqual([0o700]);
    expect(statSync(target).mode & 0o7777).toBe(0o755);
  });
});

describe('resume', () => {
  it('makes again what is there but was changed, and keeps what is whole', async () => {
    const target = join(directory, 'resumed');
    await lab.restore(target);
    const damaged = join(target, 'shadow/data/7.bin');
    writeFileSync(damaged, 'torn');
    rmSync(join(target, 'shadow/data/8.bin'));
    utimesSync(join(target, 'shadow/data'), 1, 1);
    const { kept } = await lab.restore(target, { resume: true });

    expect(kept).toBe(39);
    expect((await compareTrees(tree, join(target, 'shadow'))).differences).toEqual([]);
  });
});
