/** Directories of `restore latest --all`. */

import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { begunBelow, directoryOf } from '../../src/cli/resumed-snapshots.ts';
import { type Snapshot, snapshotName } from '../../src/core/jobs/catalog.ts';
import { writeMark } from '../../src/core/jobs/restore/restore-mark.ts';
import { openTarget } from '../../src/core/jobs/restore/target.ts';

const root = mkdtempSync(join(tmpdir(), 'holdfast-resumed-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const owner = '11111111-1111-4111-8111-111111111111';
const long = '日'.repeat(85);

describe('the directory of an account in a restore of all', () => {
  it.each([
    ['example.com', false],
    [long, false],
    [long, true],
    [`${long.slice(1)}月`, true],
  ])('fits into a file system and is known again: %s, shared: %s', async (site, shared) => {
    const directory = directoryOf(site, owner, shared);
    const target = join(root, directory);
    mkdirSync(target);
    const fd = openSync(target, 'r');
    const snapshot = snapshotName(site, {
      key: `manifests/${owner}/${owner}/00000001-20261121T031500Z-full-complete-0123456789ab.manifest`,
      id: '0123456789ab',
    });
    await writeMark(fd, { owner, id: '0123456789ab', snapshot, access: null });
    closeSync(fd);

    expect(begunBelow(root).map((one) => one.target)).toContain(target);
    expect(directory.length).toBeLessThanOrEqual(200);
  });

  it('that is too long all the same is said to be', async () => {
    await expect(openTarget(join(root, 'a'.repeat(256)), false, {} as Snapshot)).rejects.toMatchObject({
      message: expect.stringMatching(/ENAMETOOLONG$/) as string,
      hint: expect.stringContaining('shorter') as string,
    });
  });
});
