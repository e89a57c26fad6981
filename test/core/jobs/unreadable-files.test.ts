/**
 * A disk that fails under some files: block pointers of an ext4 image are overwritten, so that the kernel
 * itself refuses to read on.
 */

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../../support/backup.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-unreadable-'));
const image = join(directory, 'image');
const point = join(directory, 'mount');
const target = join(directory, 'target');
const blockBytes = 4096;
/** Read through direct block pointers, which stay whole. */
const directBytes = 12 * blockBytes;
let lab: Lab;

beforeAll(async () => {
  mkdirSync(point);
  writeFileSync(image, '');
  truncateSync(image, 64 * 2 ** 20);
  const features = '^extent,^64bit,^metadata_csum,^has_journal';
  execFileSync('mkfs.ext4', ['-q', '-F', '-b', String(blockBytes), '-O', features, image]);
  execFileSync('mount', ['-o', 'loop', image, point]);
  mkdirSync(join(point, 'tree'));
  for (const [name, size] of [
    ['small', 60_000],
    ['large', 3_000_000],
    ['linked', 60_000],
    ['whole', 60_000],
  ] as const) {
    writeFileSync(join(point, 'tree', name), name.repeat(size).slice(0, size));
  }
  linkSync(join(point, 'tree/linked'), join(point, 'tree/linked-too'));
  execFileSync('umount', [point]);
  for (const name of ['small', 'large', 'linked']) breakPointers(`/tree/${name}`);
  execFileSync('mount', ['-o', 'loop,ro,errors=continue', image, point]);
  lab = await openLab(directory);
});
afterAll(async () => {
  await lab.close();
  execFileSync('umount', [point]);
  rmSync(directory, { recursive: true, force: true });
});

/** Fills the file's indirect block with numbers of blocks that do not exist. */
function breakPointers(path: string): void {
  const shown = execFileSync('debugfs', ['-R', `stat ${path}`, image], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const block = Number(/\(IND\):(\d+)/.exec(shown)![1]);
  const fd = openSync(image, 'r+');
  writeSync(fd, Buffer.alloc(blockBytes, 0x7f), 0, blockBytes, block * blockBytes);
  closeSync(fd);
}

describe('a file that the disk does not give back', () => {
  it('is named in a warning and costs no other file', async () => {
    const { snapshot, exitStatus } = await lab.backUp({ shadow: join(point, 'tree') });

    expect(snapshot.body.warnings.map(({ code, path }) => `${code} ${path}`).sort()).toEqual([
      'unreadable large',
      'unreadable linked',
      'unreadable small',
    ]);
    expect(exitStatus).toBe(100);
    expect(snapshot.header.state).toBe('complete');
  });

  it('comes back as far as it could be read where it is large, and is said to be torn', async () => {
    const { warnings, failures } = await lab.restore(target);
    const large = readFileSync(join(target, 'shadow/large'));

    expect(readFileSync(join(target, 'shadow/whole'), 'utf8')).toHaveLength(60_000);
    expect(large).toHaveLength(3_000_000);
    expect(large.toString('latin1', 0, directBytes)).toBe('large'.repeat(directBytes).slice(0, directBytes));
    expect(warnings.map(({ code, path }) => `${code} ${path}`)).toContain('changed shadow/large');
    expect(warnings.map(({ code, path }) => `${code} ${path}`)).toContain('unreadable shadow/linked-too');
    expect(failures).toEqual([]);
  });
});

describe('a linked file that the disk did not give back to the parent snapshot', () => {
  it('is not passed over as unchanged by an incremental', async () => {
    await sleep(2100); // what is younger is captured anew in any case
    const chain = await openLab(join(directory, 'chain'), { chain: {} });
    const trees = { shadow: join(point, 'tree') };
    const lost = async (level: 'full' | 'incremental') => {
      const { snapshot } = await chain.backUp(trees, { level });
      expect(snapshot.header.level).toBe(level);
      return snapshot.body.warnings.map(({ path }) => path).filter((path) => path?.startsWith('linked'));
    };
    expect(await lost('full')).toHaveLength(1);
    expect(await lost('incremental')).toHaveLength(1);
    await chain.close();
  });
});
