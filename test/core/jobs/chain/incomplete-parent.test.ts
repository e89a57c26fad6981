/**
 * What a parent could not record whole is captured by the incremental, and what it could is compared, however long its path.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { dataRanges } from '../../../../src/core/filesystem/data-ranges.ts';
import { ahead, openLab } from '../../../support/backup.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-incomplete-'));
// Deeper than Node's own rm can reach.
afterAll(() => spawnSync('rm', ['-rf', directory]) && rmSync(directory, { recursive: true, force: true }));

const nest = `
import os, sys
os.chdir(sys.argv[1])
for _ in range(270):
    os.mkdir('d' * 250)
    os.chdir('d' * 250)
open('file', 'w').write('deep down')
`;

describe('an incremental', () => {
  it('compares paths of more than 64 KiB', async () => {
    const tree = join(directory, 'tree');
    mkdirSync(tree);
    writeFileSync(join(tree, 'z'), 'last');
    expect(spawnSync('python3', ['-c', nest, tree]).status).toBe(0);
    const lab = await openLab(join(directory, 'lab'), { chain: {}, now: ahead });
    await lab.backUp({ shadow: tree }, { level: 'full' });
    const { snapshot, exitStatus } = await lab.backUp({ shadow: tree }, { level: 'incremental' });
    expect(exitStatus).toBe(0);
    expect(snapshot.header.level).toBe('incremental');
    expect(snapshot.body.counts).toMatchObject({ entries: 273, tarBytes: 0 });
    await lab.close();
  });
});

describe('a file whose holes cannot be asked for', () => {
  it('counts as data, never as a hole', () => {
    expect(dataRanges(-1, 1_000_000)).toBeNull();
  });
});
