import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refuseOwn } from '../../../../src/core/jobs/backup/own-directories.ts';
import { mountFilesystem } from '../../../support/filesystems.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hf-own-'));
  mkdirSync(join(root, 'home/anna/backups/store/data'), { recursive: true });
  symlinkSync('home/anna/backups', join(root, 'link'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const verdict = (own: string, tree = 'home/anna', given: object = {}): string | undefined => {
  const one = { name: 'files', path: join(root, tree), exclude: [], ...given };
  const { trees, refused } = refuseOwn([one], [{ path: join(root, own), what: 'the store of nightly' }]);
  expect(trees.length + refused.length).toBe(1);
  return refused[0] && `${refused[0].error.code}: ${refused[0].error.message.replace(root, '')}`;
};
const holds = 'TREE_OVERLAPS: tree files, /home/anna, holds the store of nightly';

describe('refuseOwn', () => {
  it('refuses a tree that holds a directory of ours, also one that is not there yet or behind a link', () => {
    expect(verdict('home/anna/backups/store')).toBe(holds);
    expect(verdict('home/anna/backups/later/store')).toBe(holds);
    expect(verdict('link/store')).toBe(holds);
  });

  it('refuses a tree that is such a directory, or lies in one', () => {
    expect(verdict('home/anna')).toBe(holds.replace('holds', 'lies in'));
    expect(verdict('home')).toBe(holds.replace('holds', 'lies in'));
  });

  it('takes trees beside it, those that leave it out, and those of chosen files elsewhere', () => {
    expect(verdict('home/anna-backups')).toBeUndefined();
    expect(verdict('home/anna/backups/store', 'home/anna', { exclude: ['backups'] })).toBeUndefined();
    expect(verdict('home/anna/backups/store', 'home/anna', { include: ['mail'] })).toBeUndefined();
    expect(verdict('home/anna/backups/store', 'home/anna', { include: ['backups/*'] })).toBe(holds);
  });

  it('takes a tree in which it is mounted, for that is another file system', () => {
    const mounted = mountFilesystem('tmpfs', { mebibytes: 8 });
    try {
      const one = { name: 'files', path: tmpdir(), exclude: [] };

      expect(refuseOwn([one], [{ path: mounted.path, what: 'the store' }]).refused).toEqual([]);
    } finally {
      mounted.unmount();
    }
  });
});
