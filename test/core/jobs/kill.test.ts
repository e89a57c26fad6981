/**
 * Backups and a restore that are killed with -9 wherever they happen to be. Nothing is unlocked, cleaned or
 * repaired by hand afterwards.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../../support/backup.ts';
import { begin, durationOf, hear, kill, startJob } from '../../support/backup-process.ts';
import { compareTrees } from '../../support/compare-trees.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { isLong } from '../../support/sweeps.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-kill-'));
const tree = join(directory, 'tree');
const random = seededRandom(40);
const kills = isLong ? 80 : 16;

beforeAll(() => {
  for (let i = 0; i < 30; i++) {
    mkdirSync(join(tree, `directory-${i}`), { recursive: true });
    for (let j = 0; j < 100; j++) {
      const size = j === 0 ? 300_000 : Math.floor(random() * 4000);
      writeFileSync(join(tree, `directory-${i}`, `${j}`), Buffer.alloc(size, `${i} ${j} ${random()}`));
    }
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const start = (job: 'backup' | 'restore') => startJob(job, directory);

describe(`after ${kills} backups were killed at random moments`, () => {
  let lab: Lab;
  beforeAll(async () => {
    // The next one loads its modules while the present one works.
    let next = start('backup');
    await begin(next);
    await sleep(20); // in the middle of making the store
    await kill(next);
    const duration = await durationOf(start('backup'));
    next = start('backup');
    for (let i = 0; i < kills; i++) {
      const child = next;
      next = start('backup');
      await begin(child);
      // Early, anywhere, or in the run after one that got through.
      if (i % 4 === 3) await hear(child, 'done');
      await sleep(random() * duration * (i % 4 === 0 ? 0.2 : 0.9));
      await kill(child);
    }
    await kill(next);
    lab = await openLab(directory);
  });
  afterAll(() => lab.close());

  it('the next run succeeds by itself', async () => {
    const { snapshot, exitStatus } = await lab.backUp({ shadow: tree });

    expect(exitStatus).toBe(0);
    expect(snapshot.body.counts.entries).toBe(3031);
  });

  it('every listed snapshot is whole to its last byte', async () => {
    const { snapshots, exitStatus } = await lab.verify(true);

    expect(snapshots.filter(({ problems }) => problems.length > 0)).toEqual([]);
    expect(exitStatus).toBe(0);
    // Some backups got through before the kill, or nothing was proved.
    expect(snapshots.length).toBeGreaterThan(3);
  });

  it('the sequence has no gap and each snapshot names the one before', async () => {
    const { header } = await lab.latest();
    const { snapshots } = await lab.verify(false);

    expect(header.sequence).toBe(snapshots.length);
  });

  it('a killed restore is completed by resume', async () => {
    const target = join(directory, 'target');
    const child = start('restore');
    await begin(child);
    await hear(child, 'half');
    await kill(child);
    const { exitStatus, kept } = await lab.restore(target, { resume: true });

    expect(exitStatus).toBe(0);
    expect(kept).toBeGreaterThan(0);
    expect((await compareTrees(tree, join(target, 'shadow'))).differences).toEqual([]);
  });
});
