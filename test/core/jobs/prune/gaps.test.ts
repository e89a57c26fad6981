/** Prune over a store that lists less than it has. */

import { beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { errorCodes } from '../../../../src/core/errors.ts';
import type { PruneReport, PruneRequest } from '../../../../src/core/jobs/prune/types.ts';
import { day, newStateDir, putStoreFile, runPrune, start, worldOf } from '../../../support/run-prune.ts';
import {
  addin,
  keysIn,
  ownerUuid,
  putSnapshot,
  server,
  signal,
  type Written,
} from '../../../support/synthetic-snapshots.ts';

const owner = ownerUuid(1);
const stateDir = newStateDir();

let nowMs: number;
let store: Store;
let written: Written[];
let unlisted: ReadonlySet<string>;

/** Six snapshots of each of two accounts, in a store that leaves out of its lists what is in `unlisted`. */
beforeEach(async () => {
  nowMs = start;
  const memory = memoryStore({ now: () => nowMs });
  const list: Store['list'] = async (request) => {
    const page = await memory.list(request);
    return { ...page, objects: page.objects.filter(({ key }) => !unlisted.has(key)) };
  };
  store = { ...memory, list };
  unlisted = new Set();
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
});

describe('prune goes on', () => {
  it('where somebody has said that what is missing is lost, and asks no more', async () => {
    const [third, last] = [written[2]!, written[5]!];
    for (const { key } of [third, last]) await store.remove({ key, signal });
    const known = { remembered: remembered(), retention: { keepLast: 3 } };
    const shown = await run({ ...known, acceptGaps: true, apply: false });
    expect([shown.exitStatus, shown.objects.count]).toEqual([0, 2 * (3 + 3)]);
    const done = await run({ ...known, acceptGaps: true });

    expect([done.exitStatus, done.objects.count]).toEqual([0, shown.objects.count]);
    const left = await keysIn(store);
    for (const { manifest } of [third, last]) expect(left).not.toContain(manifest.header.objects[0]!.key);
    expect(await run(known)).toMatchObject({ refusals: [], exitStatus: 0 });
  });

  it('in a copy, which need not have all snapshots', async () => {
    await putStoreFile(store, '44444444-4444-4444-8444-444444444444');
    leaveOut(3);
    expect(await run()).toMatchObject({ refusals: [], exitStatus: 0 });
  });
});
