/**
 * An account of three million inodes: memory is bounded however many there are.
 *
 * On tmpfs, since only the engine is measured. Needs about 6 GB of memory for the files.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MountedFilesystem, mountFilesystem } from '../../support/filesystems.ts';

const inodes = Number(process.env.HOLDFAST_MANY_FILES ?? 3_000_000);
const limitMebibytes = 600;
const directory = mkdtempSync(join(tmpdir(), 'holdfast-many-'));
let mounted: MountedFilesystem;

beforeAll(() => {
  mounted = mountFilesystem('tmpfs', { mebibytes: 12_000 });
  execFileSync('mount', ['-o', 'remount,nr_inodes=0', join(mounted.path, '..')]);
  execFileSync('python3', [
    join(import.meta.dirname, '../../support/many_files.py'),
    join(mounted.path, 'tree'),
    String(inodes),
  ]);
}, 900_000);
afterAll(() => {
  mounted.unmount();
  rmSync(directory, { recursive: true, force: true });
}, 300_000);

describe(`a tree of ${inodes} inodes`, () => {
  it(`is backed up by a process that never takes ${limitMebibytes} MB, and is whole`, () => {
    const script = join(import.meta.dirname, 'many-files-child.ts');
    const output = execFileSync(process.execPath, [script, directory, join(mounted.path, 'tree')], {
      encoding: 'utf8',
    });
    const { entries, exitStatus, peakMebibytes, problems } = JSON.parse(output) as {
      entries: number;
      exitStatus: number;
      peakMebibytes: number;
      problems: number;
    };

    expect({ entries, exitStatus, problems }).toEqual({ entries: inodes, exitStatus: 0, problems: 0 });
    expect(peakMebibytes).toBeLessThan(limitMebibytes);
  }, 1_800_000);
});
