/** Which parts several partial snapshots hold together, whatever export a database is in. */

import { expect, it } from 'vitest';
import type { SnapshotJudge } from '../../../src/cli/judged-snapshots.ts';
import { together } from '../../../src/cli/runs/together.ts';
import type { Component } from '../../../src/core/archive/manifest.ts';
import type { ListedSnapshot } from '../../../src/core/jobs/catalog.ts';
import { partNames } from '../../../src/core/jobs/retention/retained.ts';

type Part = readonly ['tree' | readonly string[], Component['state']];

const component = ([what, state]: Part): Component => {
  const tree = { type: 'tree', name: 'shadow', state };
  const database = { type: 'database', name: 'mariadb/_joint', instance: 'mariadb', databases: what, state };
  return (what === 'tree' ? tree : database) as Component;
};

/** Oldest first; taken a day, here a millisecond, after each other. */
async function goodOf(...snapshots: readonly (readonly Part[])[]) {
  const listed = snapshots.map((parts, i) => ({ key: `${i}`, atMs: i + 1, parts }));
  const read: SnapshotJudge['read'] = async ({ key }) => {
    const components = listed[Number(key)]!.parts.map(component).flatMap((one) =>
      partNames(one).map((name) => ({ name, state: one.state })),
    );
    return { doubt: null, judged: { state: 'partial', components, findings: null } };
  };
  const { goodAtMs, lacking } = await together({ read }, listed as unknown as ListedSnapshot[], []);
  return [goodAtMs, lacking];
}

it('a database that was in a joint export counts, though it failed in one of its own since', async () => {
  const joint: Part = [['a', 'b'], 'complete'];
  const single: readonly Part[] = [
    ['tree', 'complete'],
    [['a'], 'complete'],
    [['b'], 'failed'],
  ];
  expect(await goodOf([['tree', 'failed'], joint], single)).toEqual([1, []]);
});

it('a database that was in no export yet lacks, though the joint export was good before', async () => {
  const before: readonly Part[] = [
    ['tree', 'failed'],
    [['a'], 'complete'],
  ];
  const after: readonly Part[] = [
    ['tree', 'complete'],
    [['a', 'b'], 'failed'],
  ];
  expect(await goodOf(before, after)).toEqual([null, ['mariadb/b']]);
});

it('is as old as the oldest part of the newest, and not as one that is gone', async () => {
  const gone: Part = [['gone'], 'complete'];
  const parts: readonly Part[] = [
    ['tree', 'complete'],
    [['a'], 'failed'],
  ];
  expect(
    await goodOf(
      [gone],
      [
        ['tree', 'failed'],
        [['a'], 'complete'],
      ],
      parts,
    ),
  ).toEqual([2, []]);
});
