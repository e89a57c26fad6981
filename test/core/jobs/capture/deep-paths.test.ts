/**
 * A few thousand nested directories with long names, which anybody can make, must not cost gigabytes: the walk
 * stops where a path becomes absurdly long, and says so.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openLab } from '../../../support/backup.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-deep-'));
afterAll(() => {
  spawnSync('rm', ['-rf', directory]);
});

const nest = `
import os, sys
os.chdir(sys.argv[1])
for _ in range(1000):
    os.mkdir('d' * 250)
    os.chdir('d' * 250)
`;

describe('a tree of long names nested deeply', () => {
  it('is captured down to paths of 128 KiB, with a warning', async () => {
    const tree = join(directory, 'tree');
    mkdirSync(tree);
    expect(spawnSync('python3', ['-c', nest, tree]).status).toBe(0);
    const lab = await openLab(directory);
    const { snapshot } = await lab.backUp({ shadow: tree });
    expect(snapshot.body.warningCounts).toEqual({ 'too-deep': 1 });
    expect(snapshot.body.counts.entries).toBe(524);
    await lab.close();
  });
});
