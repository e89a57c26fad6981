/** Directories that are in a snapshot without what they hold, and what an incremental makes of them. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, utimesSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { type ChainLab, openChainLab, wrote } from './chain-lab.ts';

const names = ['cache/a', 'cache/b', 'mount', 'plain'];

async function openLeftOut(): Promise<ChainLab> {
  const chain = await openChainLab({ pageBytes: 1000 });
  for (const name of names) chain.write(`${name}/below/file`, name);
  for (let i = 0; i < 40; i++) chain.write(`plain/file${i}`, `${i}`);
  return chain;
}

const backUp = async (
  { lab, tree }: ChainLab,
  level: 'full' | 'incremental',
  exclude: readonly string[],
): Promise<Snapshot> => (await lab.backUp({ shadow: { path: tree, exclude } }, { level })).snapshot;

async function pathsOf(chain: ChainLab, snapshot: Snapshot): Promise<readonly string[]> {
  const { entries } = (await chain.described(snapshot)) as { entries: { path: string; flags: number }[] };
  return entries.map(({ path, flags }) => `${path} ${flags}`).filter((path) => !path.includes('plain'));
}

it('an incremental keeps what was excluded or mounted before, and writes no page for it', async () => {
  await using chain = await openLeftOut();
  execFileSync('setfattr', ['-n', 'user.some', '-v', 'value', chain.at('cache/a')]);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', chain.at('mount')]);
  try {
    await backUp(chain, 'full', ['cache/*']);
    for (const round of [1, 2]) {
      const same = await backUp(chain, 'incremental', ['cache/*']);
      expect({ round, ...same.body.statistics?.changes }).toEqual({
        round,
        added: 0,
        changed: 0,
        removed: 0,
      });
      expect([await chain.ownPages(same), wrote(same)]).toEqual([0, 'index 1']);
    }
    utimesSync(chain.at('cache/a'), 1, 2);
    execFileSync('setfattr', ['-x', 'user.some', chain.at('cache/a')]);
    const { body } = await backUp(chain, 'incremental', ['cache/*']);
    expect(body.statistics?.changes).toEqual({ added: 0, changed: 1, removed: 0 });
  } finally {
    execFileSync('umount', [chain.at('mount')]);
  }
});

it('an incremental takes in what is excluded no more, and lets go of what is now', async () => {
  await using chain = await openLeftOut();
  mkdirSync(chain.at('empty'));
  const given = [
    ['cache/a', 'empty'],
    ['cache/b', 'empty'],
    ['cache/b', 'mount'],
  ];
  await backUp(chain, 'full', given[0]!);
  for (const exclude of given.slice(1)) {
    const snapshot = await backUp(chain, 'incremental', exclude);
    const full = await backUp(chain, 'full', exclude);
    expect(await pathsOf(chain, snapshot)).toEqual(await pathsOf(chain, full));
  }
});

it('an incremental takes in what became readable in a directory that has not changed', async () => {
  await using chain = await openLeftOut();
  const other = chain.at('cache/other');
  chain.write('cache/other', 'seen while it lay under a mount');
  execFileSync('mount', ['--bind', '/etc/hostname', other]);
  try {
    const { body } = await backUp(chain, 'full', []);
    expect(body.warningCounts).toEqual({ 'other-file-system': 1 });
  } finally {
    execFileSync('umount', [other]);
  }
  await backUp(chain, 'incremental', []);
  await chain.expectRestorable();
});

it('an incremental takes in files that patterns let in now, though their directories have not changed', async () => {
  await using chain = await openLeftOut();
  const { lab, tree } = chain;
  const given = [
    { path: tree, exclude: ['plain/file*', 'cache/a/below/file'] },
    { path: tree, exclude: ['plain/file3*'] },
    { path: tree, exclude: [], include: ['cache', 'plain/file3'] },
    { path: tree, exclude: [] },
  ];
  await lab.backUp({ shadow: given[0]! }, { level: 'full' });
  for (const shadow of given.slice(1)) {
    const { snapshot } = await lab.backUp({ shadow }, { level: 'incremental' });
    const full = await lab.backUp({ shadow }, { level: 'full' });
    expect(await chain.described(snapshot)).toEqual(await chain.described(full.snapshot));
    await lab.backUp({ shadow: given[0]! }, { level: 'full' });
    await lab.backUp({ shadow }, { level: 'incremental' });
  }
  await chain.expectRestorable();
});
