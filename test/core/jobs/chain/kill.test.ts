/** Incrementals of a tree that changes, killed with -9 wherever they happen to be. */

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { openLab } from '../../../support/backup.ts';
import { begin, durationOf, hear, kill, startJob } from '../../../support/backup-process.ts';
import { compareTrees } from '../../../support/compare-trees.ts';
import { RandomTree } from '../../../support/random-tree.ts';
import { isLong } from '../../../support/sweeps.ts';

const home = mkdtempSync('/dev/shm/holdfast-chain-kill-');
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe.each([
  ...(isLong ? [['incrementals', 40, false] as const] : []),
  ['encrypted incrementals', isLong ? 20 : 4, true] as const,
])('after some %s were killed at random moments (%i)', (name, kills, encrypted) => {
  it('every listed snapshot is whole, and the next run refers to the last that got through', async () => {
    const directory = join(home, name);
    const tree = new RandomTree(join(directory, 'tree'), 20);
    tree.grow(40, 60);
    const start = () =>
      startJob('backup', directory, { LAB_CHAIN: '1', LAB_ENCRYPTED: encrypted ? '1' : '0' });
    const duration = await durationOf(start());
    let next = start();
    for (let i = 0; i < kills; i++) {
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
    const lab = await openLab(directory, { chain: {}, encrypted });
    const before = await lab.latest();
    const { snapshot } = await lab.backUp({ shadow: tree.root }, { level: 'incremental' });

    expect(snapshot.header.parents).toEqual([before.header.id]);
    const { snapshots } = await lab.verify(true);
    expect(snapshots.flatMap(({ problems }) => problems)).toEqual([]);
    expect(snapshots.length).toBeGreaterThan(kills / 4);
    expect(snapshot.header.sequence).toBe(snapshots.length);
    await lab.restore(join(directory, 'ours'));
    expect((await compareTrees(tree.root, join(directory, 'ours/shadow'))).differences).toEqual([]);
    // What killed runs left in the state is gone.
    const spooled = join(lab.stateDir, 'tmp');
    expect(existsSync(spooled) ? readdirSync(spooled) : []).toEqual([]);
    await lab.close();
  });
});
