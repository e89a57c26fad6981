/** Prune over a store that lists less than it has. */

import { beforeEach, describe, expect, it } from 'vitest';
import { indexKey, segmentKey } from '../../../../src/core/archive/keys.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { errorCodes } from '../../../../src/core/errors.ts';
import type { PruneReport, PruneRequest } from '../../../../src/core/jobs/prune/types.ts';
import {
  day,
  hour,
  newStateDir,
  putStoreFile,
  runPrune,
  start,
  worldOf,
} from '../../../support/run-prune.ts';
import {
  addin,
  keysIn,
  ownerUuid,
  put,
  putSnapshot,
  server,
  signal,
  storeId,
  type Written,
} from '../../../support/synthetic-snapshots.ts';

const owner = ownerUuid(1);
const copyId = '44444444-4444-4444-8444-444444444444';
const stateDir = newStateDir();

let nowMs: number;
let store: Store;
let written: Written[];
let unlisted: ReadonlySet<string>;
let asked: string[];

/** Six snapshots of each of two accounts, in a store that leaves out of its lists what is in `unlisted`. */
beforeEach(async () => {
  nowMs = start;
  const memory = memoryStore({ now: () => nowMs });
  const list: Store['list'] = async (request) => {
    asked.push(`list ${request.prefix}`);
    const page = await memory.list(request);
    return { ...page, objects: page.objects.filter(({ key }) => !unlisted.has(key)) };
  };
  const head: Store['head'] = (request) => {
    asked.push(`head ${request.key}`);
    return memory.head(request);
  };
  store = { ...memory, list, head };
  unlisted = new Set();
  asked = [];
  await putStoreFile(store);
  written = [];
  for (let sequence = 1; sequence <= 6; sequence++) {
    nowMs = start + sequence * day;
    written.push(await putSnapshot(store, { owner, sequence, atMs: nowMs }));
    await putSnapshot(store, { owner: ownerUuid(2), sequence, atMs: nowMs });
  }
  nowMs += 2 * day;
});

const world = worldOf(() => nowMs);
const run = (more: Partial<PruneRequest> = {}): Promise<PruneReport> =>
  runPrune({ store, retention: { keepLast: 4 }, stateDir, world, ...more });

const leaveOut = (...sequences: readonly number[]): void => {
  unlisted = new Set(sequences.map((sequence) => written[sequence - 1]!.key));
};

const remembered = () => {
  const { lineage, sequence, digest } = written.at(-1)!.manifest.header;
  return [{ server, owner, addin: addin.id, last: { lineage, sequence, digest } }];
};

/** Nothing of the first account is gone, and what was to go of the other is. */
async function expectSpared(report: PruneReport, message: RegExp): Promise<void> {
  unlisted = new Set();
  expect(report.refusals).toEqual([expect.objectContaining({ rule: 'gap', owner })]);
  expect(report.refusals[0]!.message).toMatch(message);
  expect(report.exitStatus).toBe(errorCodes.PRUNE_REFUSED.exit);
  const left = await keysIn(store);
  for (const { key, manifest } of written) {
    expect(left).toEqual(expect.arrayContaining([key, ...manifest.header.objects.map((one) => one.key)]));
  }
  expect(await keysIn(store, `manifests/${server}/${ownerUuid(2)}/`)).toHaveLength(4);
}

describe('prune spares an account', () => {
  it('of which a snapshot in the middle is not listed', async () => {
    leaveOut(3);
    await expectSpared(await run(), /snapshot 3 of its sequence is missing/);
  });

  it('of which the newest is not listed, where the state remembers it', async () => {
    leaveOut(6);
    await expectSpared(await run({ remembered: remembered() }), /snapshot 6, the last .* is missing/);
  });

  it('of which no snapshot is listed, where the state remembers one', async () => {
    leaveOut(1, 2, 3, 4, 5, 6);
    await expectSpared(await run({ remembered: remembered() }), /snapshot 6, the last .* is missing/);
  });

  it('that has begun a lineage since, where none of the one before is listed', async () => {
    const lineage = 'c'.repeat(32);
    await putSnapshot(store, { owner, sequence: 1, atMs: nowMs, lineage });
    leaveOut(1, 2, 3, 4, 5, 6);
    const former = remembered().map((one) => ({ ...one, isFormer: true as const }));
    await expectSpared(await run({ remembered: former }), /snapshot 6, the last .* earlier lineage/);
  });

  it('of which no snapshot is listed, where it has pruned some before', async () => {
    await run({ retention: { keepLast: 5 } });
    written.shift();
    leaveOut(1, 2, 3, 4, 5);
    await expectSpared(await run(), /snapshots were pruned and the newest/);
  });

  it.each([
    ['the newest two are', [5, 6], storeId],
    ['the newest two are, in a copy', [5, 6], copyId],
    ['no snapshot is, which was never pruned,', [1, 2, 3, 4, 5, 6], storeId],
  ] as const)('of which %s not listed, where nothing remembers them', async (_, hidden, id) => {
    await putStoreFile(store, id);
    leaveOut(...hidden);
    await expectSpared(await run(), /there is index\/.*, which no manifest names/);
  });

  it('that another configuration has backed up since, where the newest two of this one are not listed', async () => {
    const other = { addin: { id: 'b'.repeat(32), name: 'weekly' }, lineage: 'weekly' };
    await putSnapshot(store, { owner, sequence: 1, atMs: start, ...other });
    nowMs += day;
    await putSnapshot(store, { owner, sequence: 2, atMs: nowMs, ...other });
    nowMs += 2 * day;
    leaveOut(5, 6);
    await expectSpared(await run(), /which no manifest names/);
  });

  it('of which a revision is not listed, whoever says that it is lost', async () => {
    const { key } = await putSnapshot(store, { owner, sequence: 3, atMs: start + 3 * day, revision: 1 });
    nowMs += 2 * day;
    unlisted = new Set([key]);
    expect((await run({ acceptGaps: true })).refusals).toEqual([
      expect.objectContaining({
        rule: 'gap',
        owner,
        message: `site1: the store has ${key} and does not list it`,
      }),
    ]);
    await expectSpared(await run(), /-r1\.manifest and does not list it/);
  });

  it('of which a revision is not listed that says of more that it is lost', async () => {
    const made = { owner, sequence: 3, atMs: start + 3 * day, revision: 1, databases: { shop: false } };
    const { key } = await putSnapshot(store, made);
    nowMs += 2 * day;
    unlisted = new Set([key]);
    await expectSpared(await run(), /-partial-[0-9a-f]{12}-r1\.manifest and does not list it/);
  });
});

describe('prune goes on', () => {
  const leftover = indexKey(server, owner, 'd'.repeat(32));

  it('with what a backup left that was cut short, once there is a snapshot after it', async () => {
    await put(store, leftover, 'index');
    nowMs += hour;
    expect(await run({ apply: false })).toMatchObject({ refusals: [], waiting: { count: 1 } });
    nowMs += 2 * day;
    expect((await run()).refusals).toMatchObject([{ rule: 'gap', owner }]);
    await putSnapshot(store, { owner, sequence: 7, atMs: nowMs });

    expect((await run()).refusals).toEqual([]);
    expect(await keysIn(store)).not.toContain(leftover);
  });

  it('with what a backup left that was cut short at its very end, on the server that remembers its last', async () => {
    await put(store, leftover, 'index');
    nowMs += 2 * day;

    expect((await run({ remembered: remembered() })).refusals).toEqual([]);
    expect(await keysIn(store)).not.toContain(leftover);
  });

  it('with such an index, and all that is with it, where somebody says that no more is lost', async () => {
    await put(store, leftover, 'index');
    nowMs += 2 * day;
    expect(await run({ acceptGaps: true })).toMatchObject({ refusals: [], exitStatus: 0 });
    expect(await keysIn(store)).not.toContain(leftover);
    expect(await run()).toMatchObject({ refusals: [], exitStatus: 0 });
  });

  it('with what a backup left that was cut short before its index', async () => {
    const segments = [1, 3].map((of) => segmentKey(server, ownerUuid(of), 'd'.repeat(32), 1));
    for (const key of segments) await put(store, key, 'segment');
    nowMs += 2 * day;

    expect((await run()).refusals).toEqual([]);
    for (const key of segments) expect(await keysIn(store)).not.toContain(key);
  });

  it('with what a prune left that was cut short, of the newest revision as well', async () => {
    const at = { owner, sequence: 1, atMs: start + day };
    const { manifest } = await putSnapshot(store, { ...at, revision: 1 });
    const [index] = manifest.header.objects;
    await run({ retention: { keepLast: 5 } });
    expect(await keysIn(store)).toContain(index!.key);
    nowMs += 2 * day;

    expect(await run({ retention: { keepLast: 5 } })).toMatchObject({ refusals: [], exitStatus: 0 });
    expect(await keysIn(store)).not.toContain(index!.key);
  });

  it('without asking for a revision where every index is named, and lists indexes once for all accounts', async () => {
    expect((await run({ apply: false })).snapshots.filter(({ keep }) => !keep)).toHaveLength(4);
    const [heads, lists] = ['head manifests/', 'list index/'].map((what) =>
      asked.filter((one) => one.startsWith(what)),
    );
    expect(heads).toEqual([]);
    // A second time for what goes.
    expect(lists).toEqual(Array(2).fill(`list index/${server}/`));
  });

  it('where somebody has said that what is missing is lost, and asks no more', async () => {
    const [third, last] = [written[2]!, written[5]!];
    for (const { key } of [third, last]) await store.remove({ key, signal });
    const known = { remembered: remembered(), retention: { keepLast: 3 } };
    const shown = await run({ ...known, acceptGaps: true, apply: false });
    expect([shown.exitStatus, shown.objects.count]).toEqual([0, 2 * (3 + 3)]);
    const done = await run({ ...known, acceptGaps: true });

    expect([done.exitStatus, done.objects.count]).toEqual([0, shown.objects.count]);
    for (const [{ gaps }, accepted] of [
      [shown, false],
      [done, true],
    ] as const) {
      expect(gaps.map(({ message }) => message)).toEqual([
        expect.stringContaining('snapshot 3 '),
        expect.stringContaining('snapshot 6'),
      ]);
      for (const gap of gaps) expect(gap).toMatchObject({ owner, site: 'site1', accepted });
    }
    const left = await keysIn(store);
    for (const { manifest } of [third, last]) expect(left).not.toContain(manifest.header.objects[0]!.key);
    expect(await run({ ...known, acceptGaps: true })).toMatchObject({
      refusals: [],
      gaps: [],
      exitStatus: 0,
    });
  });

  it('of which nothing but objects is left, and says so once done as it did before', async () => {
    for (const { key } of written) await store.remove({ key, signal });
    nowMs += 2 * day;
    const known = { remembered: remembered(), acceptGaps: true } as const;
    const shown = await run({ ...known, apply: false });
    const done = await run(known);

    expect(shown.gaps).toMatchObject([{ owner, accepted: false }]);
    expect(done.gaps).toEqual(shown.gaps.map((one) => ({ ...one, accepted: true })));
    expect(await run(known)).toMatchObject({ gaps: [], refusals: [], exitStatus: 0 });
  });

  it('and calls nothing accepted while what tells of it stays', async () => {
    await put(store, leftover, 'index');
    const damaged = await putSnapshot(store, { owner: ownerUuid(3), sequence: 1, atMs: nowMs });
    await store.remove({ key: damaged.key, signal });
    await put(store, damaged.key, 'rubbish');
    nowMs += 2 * day;

    expect((await run({ acceptGaps: true })).gaps).toMatchObject([{ owner, accepted: false }]);
    await store.remove({ key: damaged.key, signal });
    expect((await run({ acceptGaps: true })).gaps).toMatchObject([
      { owner, accepted: true },
      { owner: ownerUuid(3), accepted: true },
    ]);
  });

  it('in a copy, which need not have all snapshots', async () => {
    await putStoreFile(store, copyId);
    leaveOut(3);
    expect(await run()).toMatchObject({ refusals: [], exitStatus: 0 });
  });
});
