/** Revisions that a later one has replaced, where that one lacks what it names. */

import { beforeEach, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import type { PruneReport } from '../../../../src/core/jobs/prune/types.ts';
import { hookedStore } from '../../../support/hooked-store.ts';
import { day, newStateDir, runPrune, start, worldOf } from '../../../support/run-prune.ts';
import {
  keysIn,
  ownerUuid,
  putSnapshot,
  signal,
  type Written,
} from '../../../support/synthetic-snapshots.ts';

const stateDir = newStateDir();
let nowMs: number;
let store: Store;
let asked: string[];
let earlier: Written;
let later: Written;

/** Two revisions that share the objects of an older snapshot, a newer snapshot, and two days. */
beforeEach(async () => {
  nowMs = start;
  asked = [];
  const beforeHead = (key: string): void => {
    if (/^(?:data|index)\//.test(key)) asked.push(key);
  };
  store = hookedStore(memoryStore({ now: () => nowMs }), { beforeHead });
  const made = { owner: ownerUuid(1), atMs: start };
  const { manifest } = await putSnapshot(store, { ...made, sequence: 1 });
  const references = manifest.header.objects;
  earlier = await putSnapshot(store, { ...made, sequence: 2, references });
  later = await putSnapshot(store, { ...made, sequence: 2, references, revision: 1 });
  await putSnapshot(store, { ...made, sequence: 3 });
  nowMs += 2 * day;
});

const run = (): Promise<PruneReport> =>
  runPrune({ store, retention: { keepLast: 9 }, stateDir, world: worldOf(() => nowMs) });

const ownOf = ({ manifest: { header } }: Written): string[] => header.objects.map(({ key }) => key);

it('go once all that only the later one names was found, each asked for once', async () => {
  await run();
  const left = await keysIn(store);

  expect(asked.toSorted()).toEqual(ownOf(later).toSorted());
  expect(left).not.toContain(earlier.key);
  for (const key of ownOf(earlier)) expect(left).not.toContain(key);

  asked = [];
  await run();
  expect(asked).toEqual([]);
});

it('stay with all they name while the later one lacks an object', async () => {
  await store.remove({ key: ownOf(later)[1]!, signal });
  const report = await run();

  expect(report).toMatchObject({ exitStatus: 0, removed: { count: 0 } });
  expect(await keysIn(store)).toEqual(expect.arrayContaining([earlier.key, later.key, ...ownOf(earlier)]));
});
