/** Incrementals of a tree that changes, killed with -9 wherever they happen to be. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { openLab } from '../../../support/backup.ts';
import { begin, durationOf, hear, kill, startJob } from '../../../support/backup-process.ts';
import { compareTrees } from '../../../support/compare-trees.ts';
import { RandomTree } from '../../../support/random-tree.ts';

const directory = mkdtempSync('/dev/shm/holdfast-chain-kill-');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('after twenty incrementals were killed at random moments', () => {
  it('every listed snapshot is whole, and the next run refers to the last that got through', async () => {
    const tree = new RandomTree(join(directory, 'tree'), 20);
    tree.grow(40, 60);
    const start = () => startJob('backup', directory, { LAB_CHAIN: '1' });
    const duration = await durationOf(start());
    let next = start();
    for (let i = 0; i < 20; i++) {
      const child = next;
      next = start();
      tree.change(20);
      await begin(child);
      if (i % 4 === 3) await hear(child, 'done');
      await sleep(tree.random() * duration);
      await kill(child);
    }
    await kill(next);
    tree.change(20);
    const lab = await openLab(directory, { chain: {} });
    const before = await lab.latest();
    const { snapshot } = await lab.backUp({ shadow: tree.root }, { level: 'incremental' });

    expect(snapshot.header.parents).toEqual([before.header.id]);
    const { snapshots } = await lab.verify(true);
    expect(snapshots.flatMap(({ problems }) => problems)).toEqual([]);
    expect(snapshots.length).toBeGreaterThan(5);
    expect(snapshot.header.sequence).toBe(snapshots.length);
    await lab.restore(join(directory, 'ours'));
    expect((await compareTrees(tree.root, join(directory, 'ours/shadow'))).differences).toEqual([]);
    // What killed runs left in the state is gone.
    expect(readdirSync(join(lab.stateDir, 'tmp'))).toEqual([]);
    await lab.close();
  });
});
