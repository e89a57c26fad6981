/**
 * What a parent could not record whole is captured by the incremental, and what it could is compared, however long its path.
 */

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { dataRanges } from '../../../../src/core/filesystem/data-ranges.ts';
import { ahead, type Lab, openLab } from '../../../support/backup.ts';

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

/** Two trees of twenty files each, and a full of them. */
async function twoTrees(name: string): Promise<{ lab: Lab; trees: { shadow: string; info: string } }> {
  const base = join(directory, name);
  const trees = { shadow: join(base, 'shadow'), info: join(base, 'info') };
  for (const tree of Object.values(trees)) {
    mkdirSync(tree, { recursive: true });
    for (let i = 0; i < 20; i++) writeFileSync(join(tree, `${i}`), randomBytes(1000));
  }
  const lab = await openLab(join(base, 'lab'), { chain: {}, now: ahead });
  await lab.backUp(trees, { level: 'full' });
  return { lab, trees };
}

describe('where a tree', () => {
  it.each(['shadow', 'info'] as const)(
    'is missing for two nights (%s), the other stores nothing anew',
    async (gone) => {
      const { lab, trees } = await twoTrees(`without-${gone}`);
      const away = `${trees[gone]}-away`;
      renameSync(trees[gone], away);
      for (let night = 0; night < 2; night++) {
        const { snapshot, exitStatus } = await lab.backUp(trees, { level: 'incremental' });
        expect(exitStatus).not.toBe(0);
        expect(snapshot.body.warnings.map(({ code }) => code)).not.toContain('no-usable-parent');
        expect(snapshot.body.counts.tarBytes).toBe(0);
      }
      renameSync(away, trees[gone]);
      const { snapshot, exitStatus } = await lab.backUp(trees, { level: 'incremental' });
      expect([exitStatus, snapshot.body.counts.tarBytes]).toEqual([0, 0]);
      await lab.close();
    },
  );

  it('is new, or was missing from the full, the one after it stores nothing anew', async () => {
    const { lab, trees } = await twoTrees('first-comes-later');
    const away = `${trees.shadow}-away`;
    renameSync(trees.shadow, away);
    await lab.backUp(trees, { level: 'full' });
    renameSync(away, trees.shadow);
    const added = mkdtempSync(join(directory, 'added-'));
    writeFileSync(join(added, 'file'), 'new');
    const { snapshot, exitStatus } = await lab.backUp({ added, ...trees }, { level: 'incremental' });
    expect(exitStatus).toBe(0);
    expect(snapshot.body.counts.files).toBe(41);
    // A header and a block for each file that the full lacks, and the end of the archive.
    expect(snapshot.body.counts.tarBytes).toBeLessThan(30 * 2048);
    await lab.close();
  });

  it('has moved to another file system, all is stored anew, which is said', async () => {
    const { lab, trees } = await twoTrees('moved');
    const elsewhere = mkdtempSync('/dev/shm/holdfast-moved-');
    try {
      cpSync(trees.info, elsewhere, { recursive: true });
      const moved = { ...trees, info: elsewhere };
      const { snapshot } = await lab.backUp(moved, { level: 'incremental' });
      expect(snapshot.body.warnings.map(({ code }) => code)).toContain('no-usable-parent');
      expect(snapshot.body.counts.tarBytes).toBeGreaterThan(40_000);
      const next = await lab.backUp(moved, { level: 'incremental' });
      expect([next.exitStatus, next.snapshot.body.counts.tarBytes]).toEqual([0, 0]);
    } finally {
      rmSync(elsewhere, { recursive: true });
      await lab.close();
    }
  });
});

describe('a file whose holes cannot be asked for', () => {
  it('counts as data, never as a hole', () => {
    expect(dataRanges(-1, 1_000_000)).toBeNull();
  });
});
