/**
 * One random chain: a tree that changes at random is backed up at random levels, old snapshots are pruned and
 * what is left is compacted, some of it is interrupted, and afterwards every snapshot that is listed is restored
 * by Holdfast and by `rescue.py` and compared with what the tree was.
 *
 * Pages are tiny and threads many, so that a small tree has many pages and is handed over in parts. All lies
 * in memory: waiting for disks would prove nothing here.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RequestedLevel } from '../../../../src/core/contracts/provider.ts';
import { listSnapshots, readSnapshot, type Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { markName } from '../../../../src/core/jobs/restore/restore-mark.ts';
import { RestoreThreads } from '../../../../src/core/jobs/restore/restore-threads.ts';
import { type Lab, openLab } from '../../../support/backup.ts';
import { compareTrees } from '../../../support/compare-trees.ts';
import { RandomTree } from '../../../support/random-tree.ts';
import { ageStore, compactLab, pruneLab } from '../../../support/upkeep.ts';

const levels: readonly RequestedLevel[] = ['full', 'incremental', 'incremental', 'differential', 'auto'];
const signal = new AbortController().signal;

type Upkeep = (lab: Lab, tree: RandomTree) => Promise<unknown>;

/** What happens between two backups. */
const upkeep: readonly Upkeep[] = [
  async () => {},
  async () => {},
  (lab, tree) => pruneLab(lab, { retention: { keepLast: tree.pick([2, 3, 5]), maxRemoveShare: 1 } }),
  async (lab, tree) => {
    await pruneLab(lab, { retention: { keepLast: tree.pick([2, 4]), maxRemoveShare: 1 } });
    await compactLab(lab, { threshold: tree.pick([0.4, 0.9, 1]), maxBytes: tree.pick([null, 20_000]) });
    ageStore(lab);
    await pruneLab(lab, { retention: null });
  },
  (lab, tree) => {
    const stop = new AbortController();
    let left = Math.floor(tree.random() * 40);
    const put: Lab['provider']['put'] = (request) => {
      if (left-- === 0) stop.abort();
      return lab.provider.put(request);
    };
    const { name, capabilities } = lab.provider;
    const provider = { ...lab.provider, name, capabilities, plan: lab.provider.plan, get: get(lab), put };
    return compactLab(lab, { threshold: 1, provider, signal: stop.signal }).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
  },
];

const get =
  (lab: Lab): Lab['provider']['get'] =>
  (request) =>
    lab.provider.get(request);

export async function tryRandomChain(seed: number, steps: number, encrypted = false): Promise<void> {
  const directory = mkdtempSync('/dev/shm/holdfast-chain-');
  const tree = new RandomTree(join(directory, 'tree'), seed);
  const lab = await openLab(directory, {
    chain: { rereadEvery: tree.pick([1, 3, 30]), cadence: tree.pick(['monthly', 'forever']) },
    threads: tree.pick([1, 2, 4]),
    pageBytes: tree.pick([1000, 2500, 8000]),
    encrypted,
  });
  const [golden, ours, theirs] = ['golden', 'ours', 'theirs'].map((name) => join(directory, name));
  for (const path of [golden, ours, theirs]) mkdirSync(path!);
  try {
    tree.grow(10, 20);
    for (let step = 0; step < steps; step++) {
      const { snapshot } = await lab.backUp({ shadow: tree.root }, { level: tree.pick(levels) });
      mkdirSync(join(golden!, snapshot.name));
      execFileSync('cp', ['-a', tree.root, join(golden!, snapshot.name, 'shadow')]);
      tree.change(tree.pick([0, 1, 5, 30]));
      await tree.pick(upkeep)(lab, tree);
    }
    await compactLab(lab, { threshold: 0.9 });
    await pruneLab(lab, { retention: null });
    const listed = await listSnapshots(lab.store, {}, signal);
    const snapshots = await Promise.all(listed.map((one) => readSnapshot(lab.provider, one, signal)));
    const names = snapshots.map(({ name }) => name);
    for (const name of readdirSync(golden!)) {
      if (!names.includes(name)) rmSync(join(golden!, name), { recursive: true });
    }
    expect(readdirSync(golden!).length).toBe(snapshots.length);
    const verified = await lab.verify(true);
    expect(verified.snapshots.flatMap(({ problems }) => problems)).toEqual([]);

    await Promise.all([restoreAll(lab, snapshots, ours!), rescueAll(lab, snapshots, theirs!)]);

    for (const at of [golden, ours, theirs]) {
      for (const name of [...snapshots.map((one) => one.name), '.']) utimesSync(join(at!, name), 1, 1);
    }
    for (const restored of [ours, theirs]) {
      const { differences } = await compareTrees(golden!, restored!);
      expect(differences, `seed ${seed}`).toEqual([]);
    }
  } finally {
    await lab.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function restoreAll(lab: Lab, snapshots: readonly Snapshot[], to: string): Promise<void> {
  const pool = new RestoreThreads(2);
  for (const snapshot of snapshots) {
    const { failures } = await lab.restore(join(to, snapshot.name), { snapshot, pool });
    expect(failures).toEqual([]);
    rmSync(join(to, snapshot.name, markName)); // no part of the account
  }
  await pool.close();
}

async function rescueAll(lab: Lab, snapshots: readonly Snapshot[], to: string): Promise<void> {
  for (const { name } of snapshots) {
    const { status, problems } = await lab.rescue('restore', name, '--to', join(to, name));
    expect({ status, problems }).toEqual({ status: 0, problems: [] });
  }
}
