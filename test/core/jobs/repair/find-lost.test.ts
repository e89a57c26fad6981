/** Which snapshots that a store has lost altogether repair takes from a copy, over stores in memory. */

import { beforeEach, describe, expect, it } from 'vitest';
import { storeFileKey } from '../../../../src/core/archive/keys.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { errorCodes } from '../../../../src/core/errors.ts';
import { type NewEvent, writeEvent } from '../../../../src/core/jobs/events.ts';
import { repair } from '../../../../src/core/jobs/repair/repair.ts';
import type { RepairReport, RepairRequest } from '../../../../src/core/jobs/repair/types.ts';
import {
  day,
  newStateDir,
  openProvider,
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
  type SyntheticSnapshot,
  server,
  signal,
  storeId,
  type Written,
} from '../../../support/synthetic-snapshots.ts';

const owner = ownerUuid(1);
const place = { server, owner };
const stateDir = newStateDir();
const world = worldOf(() => start);
const copyId = '44444444-4444-4444-8444-444444444444';

let main: Store;
let copy: Store;
let written: Written[];

/** In both. */
async function putBoth(made: SyntheticSnapshot): Promise<Written> {
  await putSnapshot(copy, made);
  return putSnapshot(main, made);
}

/** Four snapshots that follow one another, and a copy of them. */
beforeEach(async () => {
  [main, copy] = [memoryStore({ now: () => start }), memoryStore({ now: () => start })];
  await putStoreFile(main);
  const file = { format: 1, store: copyId, origins: [storeId], features: [], createdAt: '' };
  await put(copy, storeFileKey, JSON.stringify(file));
  written = [];
  for (let sequence = 1; sequence <= 4; sequence++) {
    const last = written.at(-1)?.manifest.header.digest;
    const previous = last === undefined ? {} : { previous: last };
    written.push(await putBoth({ owner, sequence, atMs: start + sequence * day, ...previous }));
  }
});

const keyOf = (sequence: number): string => written[sequence - 1]!.key;
const headerOf = (sequence: number) => written[sequence - 1]!.manifest.header;

async function lose(store: Store, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await store.remove({ key, signal });
}

async function mended(more: Partial<RepairRequest> = {}): Promise<RepairReport> {
  const copies = [{ name: 'offsite', store: copy, provider: await openProvider(copy) }];
  return repair({
    ...{ store: main, provider: await openProvider(main), server, owners: null, copies, readData: false },
    ...{ apply: true, stateDir, signer: null, world, signal, onEvent: () => {}, ...more },
  });
}

const tell = async (store: Store, event: NewEvent): Promise<unknown> =>
  writeEvent(await openProvider(store), event, world, signal);
const refOf = (sequence: number) => {
  const { id, lineage, digest } = headerOf(sequence);
  return { id, lineage, sequence, digest };
};

describe('a lost snapshot', () => {
  it('comes back with what it names, and only with apply; then prune has nothing to refuse', async () => {
    const [index] = headerOf(2).objects;
    await lose(main, keyOf(2), index!.key);
    const before = await keysIn(main);
    const expected = [index!.key, keyOf(2)].map((key) => ({
      key,
      problem: 'it is missing',
      copy: 'offsite',
    }));
    expect(await mended({ apply: false })).toMatchObject({ objects: expected, exitStatus: 0 });
    expect(await keysIn(main)).toEqual(before);

    const report = await mended();
    expect(report).toMatchObject({
      objects: expected.map((one) => ({ ...one, mended: true })),
      exitStatus: 0,
    });
    expect((await mended()).objects).toEqual([]);
    const pruned = await runPrune({ store: main, retention: null, stateDir, world });
    expect(pruned.refusals).toEqual([]);
  });

  it('comes back as the newest one, and as every one of an account', async () => {
    const other = { owner: ownerUuid(2), sequence: 1, atMs: start, lost: true } as const;
    const { digest } = (await putBoth(other)).manifest.header;
    await putSnapshot(copy, { owner: ownerUuid(2), sequence: 2, atMs: start + day, previous: digest });
    // With it the newest one is whole, whatever the one before has lost.
    expect(await mended()).toMatchObject({ newestLost: 0, exitStatus: 0 });
    await lose(main, keyOf(4));
    expect((await mended()).objects).toMatchObject([{ key: keyOf(4), mended: true }]);
    await lose(main, ...written.map(({ key }) => key));
    expect(await mended({ owners: [owner] })).toMatchObject({ snapshotsSeen: 0, exitStatus: 0 });
    expect(await keysIn(main, `manifests/${server}/${owner}/`)).toEqual(written.map(({ key }) => key));
  });

  it('is named where no copy has it, or not all that it names', async () => {
    const [index] = headerOf(2).objects;
    await lose(main, keyOf(2), index!.key, keyOf(3));
    await lose(copy, index!.key, keyOf(3));
    const { objects, exitStatus } = await mended();
    expect(objects).toMatchObject([
      { key: keyOf(2), problem: expect.stringMatching('objects that it names'), copy: null, mended: false },
      {
        key: `manifests/${server}/${owner}/`,
        problem: expect.stringMatching('snapshot 3 of its'),
        copy: null,
      },
    ]);
    expect(exitStatus).toBe(errorCodes.OBJECT_MISSING.exit);
    // It is named as lost only where it is: here it is there, and merely not listed.
    const list: Store['list'] = async (request) => {
      const page = await main.list(request);
      return { ...page, objects: page.objects.filter(({ key }) => key !== keyOf(4)) };
    };
    const remembered = [{ ...place, addin: addin.id, last: refOf(4) }];
    const unlisted = await mended({ store: { ...main, list }, remembered });
    expect(unlisted.objects).toContainEqual(
      expect.objectContaining({
        key: keyOf(4),
        problem: expect.stringMatching('not list it'),
        mended: false,
      }),
    );
    // The state knows of what nothing in any store would miss.
    await lose(copy, keyOf(4));
    await lose(main, keyOf(4));
    const told = (await mended({ remembered })).objects.map(({ problem }) => problem);
    expect(told).toContainEqual(expect.stringMatching('snapshot 4, the last that this server made'));
  });
});

describe('a snapshot stays away', () => {
  const nothing = async (): Promise<void> => {
    const { objects } = await mended();
    expect(objects.filter((one) => one.mended)).toEqual([]);
    expect(await keysIn(main)).not.toContain(keyOf(2));
  };
  const removed = () => [{ ...refOf(2), key: keyOf(2), reason: '' }];

  it.each([
    ['main', 'prune'],
    ['copy', 'prune'],
    ['main', 'erasure'],
    ['copy', 'erasure'],
  ] as const)('where the %s store has an event that names it, of kind %s', async (where, kind) => {
    await lose(main, keyOf(2));
    const event: NewEvent =
      kind === 'prune'
        ? { kind, ...place, addin, removed: removed() }
        : { kind, ...place, reason: '', snapshots: [refOf(2)], keys: [] };
    await tell(where === 'main' ? main : copy, event);
    await nothing();
  });

  it.each(['prune', 'erasure'] as const)('while an event of kind %s cannot be read', async (kind) => {
    await lose(main, keyOf(2));
    const event: NewEvent =
      kind === 'prune'
        ? { kind, ...place, addin, removed: [] }
        : { kind, ...place, reason: '', snapshots: [refOf(4)], keys: [] };
    await tell(main, event);
    const [key = ''] = await keysIn(main, 'events/');
    await put(main, key, '{"format":1,"id');
    await nothing();
    const { objects, exitStatus } = await mended();
    expect(exitStatus).toBe(errorCodes.OBJECT_MISSING.exit);
    expect(objects).toContainEqual(expect.objectContaining({ problem: expect.stringContaining(key) }));
  });

  it('where the history has gone on without it, all that followed it too', async () => {
    const [, second] = written;
    await lose(main, keyOf(3), keyOf(4));
    const { digest: previous } = second!.manifest.header;
    const other = { owner, sequence: 3, atMs: start + 9 * day, again: true, previous } as const;
    await putSnapshot(main, other);
    const before = await keysIn(main, 'manifests/');
    await mended();
    expect(await keysIn(main, 'manifests/')).toEqual(before);
    await lose(copy, keyOf(3));
    await mended();
    expect(await keysIn(main, 'manifests/')).toEqual(before);
  });

  it('where nobody who is trusted signed it, or it does not follow on what is there', async () => {
    await lose(main, keyOf(2));
    expect((await mended({ trust: { keys: new Set(['0'.repeat(64)]) } })).objects).toEqual([]);
    await lose(copy, keyOf(2));
    // Of a server that was put back: another one of the same number.
    const again = await putSnapshot(copy, { owner, sequence: 2, atMs: start + 2 * day, again: true });
    await nothing();
    expect(await keysIn(main)).not.toContain(again.key);
  });

  it('where it was made in another store, and in a copy that has not got it', async () => {
    await lose(main, storeFileKey, keyOf(4));
    await putStoreFile(main, ownerUuid(9));
    await mended();
    expect(await keysIn(main)).not.toContain(keyOf(4));
    await lose(main, storeFileKey);
    await putStoreFile(main);
    await lose(copy, keyOf(2));
    const from = [{ name: 'main', store: main, provider: await openProvider(main) }];
    const asCopy = { store: copy, provider: await openProvider(copy), copies: from, isCopy: true };
    expect((await mended(asCopy)).objects).toEqual([]);
  });
});
