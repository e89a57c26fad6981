/** Files on their way into a directory that somebody else owns. */

import { execFileSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileWriter } from '../../../../src/core/jobs/export-databases/file-writer.ts';
import { removeLeftovers } from '../../../../src/core/jobs/export-databases/places.ts';
import { clientsBelowUs } from '../../../support/clients.ts';

const owner = { uid: 12_345, gid: 12_345 };
const id = '0123456789abcdef0123456789abcdef';
let dir: string;
let point: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-writer-'));
  point = join(dir, 'full');
  mkdirSync(point);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', point]);
});
afterAll(() => {
  execFileSync('umount', [point]);
  rmSync(dir, { recursive: true, force: true });
});

async function within<T>(path: string, work: (directory: number) => Promise<T>): Promise<T> {
  const directory = openSync(path, 'r');
  try {
    return await work(directory);
  } finally {
    closeSync(directory);
  }
}

async function write(path: string, mebibytes: number): Promise<void> {
  await within(path, async (directory) => {
    const file = new FileWriter({ directory, owner, id });
    try {
      for (let i = 0; i < mebibytes; i += 1) await file.write(Buffer.alloc(2 ** 20, i));
      await file.complete();
      file.name('dump.sql');
    } catch (error) {
      await file.abandon();
      throw error;
    }
  });
}

describe('FileWriter', () => {
  it('writes with the rights of the owner, whom quotas are counted for', async () => {
    const path = mkdtempSync(join(dir, 'rights-'));
    await within(path, async (directory) => {
      const file = new FileWriter({ directory, owner, id });
      await file.write(Buffer.from('some'));
      const [writer] = clientsBelowUs('cat');
      const status = readFileSync(`/proc/${writer?.pid}/status`, 'utf8');
      expect(status).toMatch(/^Uid:\t12345\t12345\t12345\t12345$/m);
      expect(status).toMatch(/^Groups:\t *$/m);
      expect(status).toMatch(/^CapEff:\t0+$/m);
      await file.abandon();
    });
    expect(readdirSync(path)).toEqual([]);
  });

  it('leaves nothing behind where there is no room', async () => {
    writeFileSync(join(point, 'dump.sql'), 'the one before');
    await expect(write(point, 4)).rejects.toMatchObject({
      code: 'TARGET_UNWRITABLE',
      message: expect.stringMatching(/quota|space/i),
      hint: 'Make room, or raise the quota.',
    });
    expect(readdirSync(point)).toEqual(['dump.sql']);
    expect(readFileSync(join(point, 'dump.sql'), 'utf8')).toBe('the one before');
  });

  it('replaces the file that has the name, privately', async () => {
    const path = mkdtempSync(join(dir, 'plain-'));
    chownSync(path, owner.uid, owner.gid);
    writeFileSync(join(path, 'dump.sql'), 'old', { mode: 0o666 });
    await write(path, 2);
    const stat = lstatSync(join(path, 'dump.sql'));
    expect([stat.size, stat.uid, stat.gid, stat.mode & 0o7777]).toEqual([
      2 * 2 ** 20,
      owner.uid,
      owner.gid,
      0o600,
    ]);
    expect(readdirSync(path)).toEqual(['dump.sql']);
  });

  it('notices that somebody put another file in its place', async () => {
    const path = mkdtempSync(join(dir, 'swapped-'));
    await within(path, async (directory) => {
      const file = new FileWriter({ directory, owner, id });
      await file.write(Buffer.from('ours'));
      renameSync(join(path, `.${id}.partial`), join(path, 'moved'));
      writeFileSync(join(path, `.${id}.partial`), 'mine');
      await expect(file.complete()).rejects.toMatchObject({ code: 'TARGET_UNWRITABLE' });
      await file.abandon();
    });
    expect(existsSync(join(path, 'dump.sql'))).toBe(false);
  });
});

describe('removeLeftovers', () => {
  it('removes what killed runs have left for a day, and nothing else', async () => {
    const path = mkdtempSync(join(dir, 'left-'));
    const [old, young] = [`.${id}.partial`, `.${id.replace('0', '1')}.partial`];
    for (const name of [old, young, '.mine.partial', 'dump.sql']) writeFileSync(join(path, name), '');
    const longAgo = Date.now() / 1000 - 2 * 24 * 60 * 60;
    for (const name of [old, '.mine.partial', 'dump.sql']) utimesSync(join(path, name), longAgo, longAgo);
    await within(path, async (directory) => removeLeftovers(directory, Date.now()));
    expect(readdirSync(path)).toEqual([young, '.mine.partial', 'dump.sql'].sort());
  });
});
