/** Prune over synthetic snapshots in memory, with a clock of the test's own. */

import { beforeEach, describe, expect, it } from 'vitest';
import { decodeManifest } from '../../../../src/core/archive/manifest.ts';
import { faultyStore, type StoreMethod } from '../../../../src/core/conformance/faulty-store.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { errorCodes, HoldfastError } from '../../../../src/core/errors.ts';
import { lockAccount } from '../../../../src/core/jobs/account-lock.ts';
import { listSnapshots, readSnapshot } from '../../../../src/core/jobs/catalog.ts';
import { writeEvent } from '../../../../src/core/jobs/events.ts';
import { pin, unpin } from '../../../../src/core/jobs/pin.ts';
import type { PruneReport, PruneRequest } from '../../../../src/core/jobs/prune/types.ts';
import { collect } from '../../../../src/core/streams.ts';
import {
  day,
  hour,
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
  server,
  signal,
  type Written,
} from '../../../support/synthetic-snapshots.ts';

const stateDir = newStateDir();

let nowMs: number;
let store: Store;
beforeEach(() => {
  nowMs = start;
  store = memoryStore({ now: () => nowMs });
});

const world = worldOf(() => nowMs);

const run = (more: Partial<PruneRequest> = {}): Promise<PruneReport> =>
  runPrune({ store, retention: { keepLast: 3 }, stateDir, world, ...more });

/** One snapshot a day; each incremental refers to the first segment of the full before it. */
async function history(on: Store, owners: number, days: number): Promise<Written[]> {
  const written: Written[] = [];
  for (let i = 0; i < days; i++) {
    for (let owner = 1; owner <= owners; owner++) {
      const full = written.findLast(
        ({ manifest: { header } }) => header.owner === ownerUuid(owner) && header.level === 'full',
      );
      const isFull = i % 4 === 0 || full === undefined;
      written.push(
        await putSnapshot(on, {
          owner: ownerUuid(owner),
          sequence: i + 1,
          atMs: start + i * day,
          level: isFull ? 'full' : 'incremental',
          references: isFull ? [] : [full.manifest.header.objects[1]!],
        }),
      );
    }
    nowMs = start + i * day;
  }
  nowMs += 2 * day;
  return written;
}

/** Every listed snapshot has every object it names. */
async function expectWhole(on: Store): Promise<number> {
  const provider = await openProvider(on);
  const there = new Set(await keysIn(on));
  const listed = await listSnapshots(on, {}, signal);
  for (const one of listed) {
    const { header } = await readSnapshot(provider, one, signal);
    for (const { key } of [...header.objects, ...header.references]) expect(there).toContain(key);
  }
  return listed.length;
}

const sequences = ({ snapshots }: PruneReport, keep: boolean): number[] =>
  snapshots.filter((one) => one.keep === keep).map(({ snapshot }) => snapshot.sequence);

const relaxed = { keepLast: 3, maxRemoveShare: 1 };

describe('prune', () => {
  it('shows the very effect it then has', async () => {
    await history(store, 2, 9);
    const before = await keysIn(store);
    const shown = await run({ apply: false, retention: relaxed });

    expect(await keysIn(store)).toEqual(before);
    expect(sequences(shown, true)).toEqual([7, 8, 9, 7, 8, 9]);
    expect(shown.snapshots[0]).toMatchObject({
      site: 'site1',
      keep: false,
      reasons: ['no rule keeps it'],
      removed: false,
    });
    const done = await run({ retention: relaxed });

    expect(done.snapshots.map(({ keep, reasons }) => [keep, reasons])).toEqual(
      shown.snapshots.map(({ keep, reasons }) => [keep, reasons]),
    );
    expect(done.objects).toEqual(shown.objects);
    // Of each account six manifests and their objects, but for the segment that two others refer to.
    expect(done.removed.count).toBe(2 * (6 + 6 * 2 - 1));
    expect(done.removed.count).toBe(12 + done.objects.count);
    expect(done.exitStatus).toBe(0);
    expect(await expectWhole(store)).toBe(6);
    const left = await run({ retention: relaxed });
    expect([left.removed.count, left.objects.count, left.waiting.count]).toEqual([0, 0, 0]);
  });

  it('names all it removes in an event that comes first', async () => {
    const written = await history(store, 1, 5);
    // The first removal fails: the event must be there already.
    const failing = faultyStore(store, [{ method: 'remove', call: 2 }]);
    await expect(run({ store: failing })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const [key] = await keysIn(store, `events/${server}/${ownerUuid(1)}/`);
    const event = JSON.parse((await collect(store.get({ key: key!, signal }), 1e6)).toString());

    expect(key).toMatch(/\/20261127T031500Z-prune-[0-9a-f]{12}\.json$/);
    expect(event).toMatchObject({ format: 1, kind: 'prune', server, owner: ownerUuid(1), addin });
    expect(event.removed).toEqual(
      written.slice(0, 2).map(({ key: of, manifest: { header } }) => {
        const { id, lineage, sequence, digest } = header;
        return { id, lineage, sequence, digest, key: of, reason: 'no rule keeps it' };
      }),
    );
  });

  it('removes no object the store has had for less than a day, by the clock of the store', async () => {
    const at = nowMs;
    await put(
      store,
      `data/${server}/${ownerUuid(7)}/${'ab'.repeat(16)}-00001.tar.zst`,
      'a run that was cut short',
    );
    nowMs = at + 24 * hour - 1;
    const young = await run();
    expect([young.waiting, young.objects.count]).toEqual([{ count: 1, bytes: 24 }, 0]);
    // Our clock is five minutes ahead, then behind.
    const ahead = await run({ world: { ...world, now: () => nowMs + 5 * 60_000 } });
    nowMs = at + 24 * hour + 1;
    const behind = await run({ world: { ...world, now: () => nowMs - 5 * 60_000 } });
    expect([ahead.removed.count, behind.removed.count]).toEqual([0, 0]);

    expect((await run()).removed).toEqual({ count: 1, bytes: 24 });
    expect(await keysIn(store, 'data/')).toEqual([]);
  });

  it('leaves alone what it does not know, and says so', async () => {
    const odd = [
      `data/${server}/${ownerUuid(1)}/notes.txt`,
      `index/${server}/lost.found`,
      `manifests/${server}/${ownerUuid(1)}/README`,
      `elsewhere/${server}/x`,
    ];
    for (const key of odd) await put(store, key, 'x');
    const trial = `data/${server}/_verify/1/probe`;
    await put(store, trial, 'x');
    nowMs += 9 * day;
    const report = await run();

    expect(report.unknown).toEqual({ count: 3, first: [odd[2], odd[0], odd[1]] });
    expect(await keysIn(store)).toEqual(expect.arrayContaining([...odd, trial]));
  });

  it('keeps what snapshots of other servers, accounts and configurations refer to', async () => {
    const [first] = await history(store, 1, 9);
    const [index, segment] = first!.manifest.header.objects;
    const otherServer = '99999999-9999-4999-8999-999999999999';
    await putSnapshot(store, {
      owner: ownerUuid(1),
      sequence: 1,
      atMs: start,
      server: otherServer,
      references: [segment!],
    });
    await putSnapshot(store, { owner: ownerUuid(2), sequence: 1, atMs: start, references: [index!] });
    const weekly = { id: 'b'.repeat(32), name: 'weekly' };
    for (const sequence of [1, 2, 3, 4, 5]) {
      await putSnapshot(store, { owner: ownerUuid(1), sequence, atMs: start, addin: weekly });
    }
    nowMs += 9 * day;
    const report = await run({ retention: relaxed });

    expect(sequences(report, true)).toEqual([7, 8, 9, 1]);
    expect(await keysIn(store)).toEqual(expect.arrayContaining([index!.key, segment!.key]));
    expect(await expectWhole(store)).toBe(3 + 1 + 1 + 5);
  });

  it('touches only the accounts it is told', async () => {
    await history(store, 3, 5);
    const report = await run({ owners: [ownerUuid(2)] });

    expect(new Set(report.snapshots.map(({ site }) => site))).toEqual(new Set(['site2']));
    expect(await keysIn(store, `manifests/${server}/${ownerUuid(1)}/`)).toHaveLength(5);
    expect(await expectWhole(store)).toBe(5 + 3 + 5);
  });

  it('removes replaced revisions after the grace period, and a snapshot with all of its revisions', async () => {
    for (const sequence of [1, 2]) {
      for (const revision of [0, 1]) {
        await putSnapshot(store, { owner: ownerUuid(1), sequence, atMs: start + sequence, revision });
      }
    }
    const early = await run({ retention: { keepLast: 1 } });
    expect(early.removed.count).toBe(2);
    expect(await keysIn(store, 'manifests/')).toHaveLength(2);
    nowMs += 2 * day;

    // Until there is a newer snapshot, a server that sees no revisions may refer to the newest as it was.
    await run({ retention: { keepLast: 1 } });
    expect(await keysIn(store, 'manifests/')).toHaveLength(2);
    await putSnapshot(store, { owner: ownerUuid(1), sequence: 3, atMs: start + 3 });
    await run({ retention: { keepLast: 2 } });
    expect(await keysIn(store, 'manifests/')).toEqual([
      expect.stringMatching(/\/00000002-.*-r1\.manifest$/),
      expect.stringMatching(/\/00000003-/),
    ]);
    expect(await expectWhole(store)).toBe(2);
  });

  it('removes damaged revisions below a whole one, the first of all once there is a newer snapshot', async () => {
    const made = { owner: ownerUuid(1), atMs: start };
    for (const revision of [0, 1, 2]) await putSnapshot(store, { ...made, sequence: 1, revision });
    const [first, second, third] = (await keysIn(store, 'manifests/')).toSorted(
      (a, b) => a.length - b.length || (a < b ? -1 : 1),
    );
    const rules = async () => (await run({ retention: { keepLast: 2 } })).refusals.map(({ rule }) => rule);
    await put(store, second!, 'rubbish');
    expect(await rules()).toEqual(['damaged-manifest']);
    nowMs += 2 * day;
    expect(await rules()).toEqual([]);
    expect((await keysIn(store, 'manifests/')).toSorted()).toEqual([first!, third!].toSorted());

    await put(store, first!, 'rubbish');
    expect(await rules()).toEqual(['damaged-manifest']);
    await putSnapshot(store, { ...made, sequence: 2, atMs: start + 3 });
    expect(await rules()).toEqual([]);
    expect(await keysIn(store, 'manifests/')).toEqual([third, expect.stringMatching(/\/00000002-/)]);
    expect(await expectWhole(store)).toBe(2);
  });

  it('keeps what a server may refer to that sees no revisions, also where its clock was ahead once', async () => {
    const made = { owner: ownerUuid(1), references: [] };
    await putSnapshot(store, { ...made, sequence: 1, atMs: start + 400 * day });
    for (const revision of [0, 1])
      await putSnapshot(store, { ...made, sequence: 2, atMs: start, level: 'incremental', revision });
    nowMs += 2 * day;
    await run({ retention: { keepLast: 1 } });

    expect(await keysIn(store, 'manifests/')).toHaveLength(3);
  });
});

it('takes no manifest for gone that the store lists and does not give', async () => {
  const written = await history(store, 1, 6);
  const { key } = written[0]!;
  const silent: Store = {
    ...store,
    capabilities: store.capabilities,
    get: (request) => {
      if (request.key === key) throw new HoldfastError('OBJECT_MISSING', `${key} is missing`);
      return store.get(request);
    },
  };
  const report = await run({ store: silent, retention: relaxed });

  expect(report.refusals.map(({ rule }) => rule)).toEqual(['damaged-manifest']);
  expect(await expectWhole(store)).toBe(written.length);
});

describe('a server that was put back from an image and sees no snapshots', () => {
  it('loses none of what it makes then, and goes on with a new lineage', async () => {
    await history(store, 1, 5);
    await run({ retention: { keepLast: 2 } });
    const owner = ownerUuid(1);
    await putSnapshot(store, { owner, sequence: 3, atMs: nowMs, again: true });
    await putSnapshot(store, { owner, sequence: 4, atMs: nowMs + hour, again: true });
    nowMs += 2 * day;
    const before = await keysIn(store, 'manifests/');
    const refused = await run({ retention: { keepLast: 1 } });

    expect(refused.refusals).toMatchObject([{ rule: 'forked', owner }]);
    expect(refused.exitStatus).toBe(errorCodes.PRUNE_REFUSED.exit);
    expect(await keysIn(store, 'manifests/')).toEqual(before);
    await putSnapshot(store, { owner, sequence: 1, atMs: nowMs, lineage: 'new' });
    nowMs += 2 * day;
    const report = await run({ retention: { keepLast: 2 } });
    expect(report.refusals).toEqual([]);
    expect(report.snapshots.filter(({ keep }) => keep).map(({ snapshot }) => snapshot.atMs)).toEqual([
      nowMs - 4 * day + hour,
      nowMs - 2 * day,
    ]);
    expect(await expectWhole(store)).toBe(2);
  });

  it('is not known from what is dated ahead of the clock', async () => {
    await history(store, 1, 5);
    await run({ retention: { keepLast: 2 } });
    const owner = ownerUuid(1);
    await putSnapshot(store, { owner, sequence: 1, atMs: nowMs + 400 * day, lineage: 'before' });
    await putSnapshot(store, { owner, sequence: 3, atMs: nowMs, again: true });
    await putSnapshot(store, { owner, sequence: 4, atMs: nowMs + 500 * day, again: true });
    nowMs += 2 * day;
    expect((await run({ retention: { keepLast: 2 } })).refusals).toMatchObject([{ rule: 'forked', owner }]);

    await putSnapshot(store, { owner, sequence: 1, atMs: nowMs, lineage: 'new' });
    nowMs += 2 * day;
    expect((await run({ retention: { keepLast: 2 } })).refusals).toEqual([]);
  });

  it('is not taken for one whose clock went back', async () => {
    await history(store, 1, 5);
    await putSnapshot(store, { owner: ownerUuid(1), sequence: 6, atMs: start + hour });
    expect(await run()).toMatchObject({ refusals: [], removed: { count: expect.any(Number) } });
  });
});

describe('prune beside other jobs', () => {
  it('keeps the objects of a backup that runs for days', async () => {
    const objectId = 'cd'.repeat(16);
    await history(store, 1, 5);
    await put(store, `data/${server}/${ownerUuid(1)}/${objectId}-00001.tar.zst`, 'three days ago');
    nowMs += 3 * day;
    const backup = lockAccount(stateDir, ownerUuid(1), 'site1');
    const report = await run();
    backup.release();

    expect(report).toMatchObject({ locked: ['site1'], exitStatus: errorCodes.ACCOUNT_LOCKED.exit });
    expect(report.removed.count).toBe(0);
    expect(await keysIn(store, 'data/')).toHaveLength(6);
  });

  it('keeps them also where no snapshot goes', async () => {
    await put(store, `data/${server}/${ownerUuid(1)}/${'cd'.repeat(16)}-00001.tar.zst`, 'three days ago');
    nowMs += 3 * day;
    const backup = lockAccount(stateDir, ownerUuid(1), 'site1');
    const report = await run({ retention: null });
    backup.release();

    expect(report).toMatchObject({ objects: { count: 1 }, removed: { count: 0 }, locked: [ownerUuid(1)] });
    expect((await run({ retention: null })).removed.count).toBe(1);
  });

  it('sees the manifests of snapshots that were committed after its first look', async () => {
    const written = await history(store, 1, 5);
    const first = written[0]!.manifest.header.objects[1]!;
    let looks = 0;
    const racing: Store = {
      ...store,
      capabilities: store.capabilities,
      list: async (request) => {
        // The second look begins: a snapshot of another server that refers to an old segment is there.
        if (request.prefix === 'manifests/' && ++looks === 2) {
          const late = { owner: ownerUuid(1), sequence: 1, atMs: nowMs, references: [first] };
          await putSnapshot(store, { ...late, server: '99999999-9999-4999-8999-999999999999' });
        }
        return store.list(request);
      },
    };
    await run({ store: racing, retention: { keepLast: 1, maxRemoveShare: 1 } });

    expect(looks).toBe(2);
    expect(await expectWhole(store)).toBe(2);
  });

  it('sees a manifest that somebody has put back since it removed it', async () => {
    const [written] = await history(store, 1, 5);
    const { key } = written!;
    const text = (await collect(store.get({ key, signal }), 1e6)).toString();
    let looks = 0;
    const racing: Store = {
      ...store,
      capabilities: store.capabilities,
      list: async (request) => {
        if (request.prefix === 'manifests/' && ++looks === 2) await put(store, key, text);
        return store.list(request);
      },
    };
    await run({ store: racing });

    expect(await keysIn(store, 'manifests/')).toContain(key);
    expect(await expectWhole(store)).toBe(4);
  });

  it('lets go of nothing that was pinned since its first look', async () => {
    const written = await history(store, 1, 6);
    const provider = await openProvider(store);
    const listed = (await listSnapshots(store, {}, signal))[0]!;
    const snapshot = await readSnapshot(provider, listed, signal);
    const target = { snapshot };
    let looks = 0;
    const racing: Store = {
      ...store,
      capabilities: store.capabilities,
      list: async (request) => {
        if (/^events\/.*\/$|^events\/$/.test(request.prefix) && ++looks === 2) {
          await pin(
            { store, provider, target, world, signal },
            { kind: 'pin', reason: 'now', untilMs: null },
          );
        }
        return store.list(request);
      },
    };
    const report = await run({ store: racing });

    expect(report.refusals.map(({ rule }) => rule)).toEqual(['changed']);
    expect(report.exitStatus).toBe(errorCodes.PRUNE_REFUSED.exit);
    expect(await expectWhole(store)).toBe(written.length);
  });

  it.each([
    ['a hold on the next snapshot is seen', 1],
    ['a hold on the very snapshot comes too late', 0],
    ['a hold on the whole account is seen by what is left', null],
  ])('%s, and is not vouched for', async (_, target) => {
    const written = await history(store, 1, 8);
    const provider = await openProvider(store);
    const all = await listSnapshots(store, {}, signal);
    const held = target === null ? null : await readSnapshot(provider, all[target]!, signal);
    const about = held === null ? { server, owner: ownerUuid(1), snapshot: null } : { snapshot: held };
    const hold = () =>
      pin({ store, provider, target: about, world, signal }, { kind: 'hold', reason: 'court order' });
    let answer: Promise<unknown> | null = null;
    const racing: Store = {
      ...store,
      capabilities: store.capabilities,
      remove: async (request) => {
        if (request.key.startsWith('manifests/')) {
          answer ??= hold();
          await answer.catch(() => {});
        }
        return store.remove(request);
      },
    };
    const report = await run({ store: racing });

    await expect(answer).rejects.toMatchObject({ code: 'ACCOUNT_LOCKED' });
    if (target === 0) expect(report.exitStatus).toBe(0);
    else expect(report.refusals.map(({ rule }) => rule)).toEqual(['changed']);
    expect(await expectWhole(store)).toBe(target === 0 ? 4 : written.length - 1);
    nowMs += 3 * hour;
    if (target === 0) await expect(hold()).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
    else expect(await hold()).toMatchObject({ kind: 'hold' });
  });
});

describe('pins and holds', () => {
  it('keep snapshots until they end', async () => {
    await history(store, 1, 6);
    const provider = await openProvider(store);
    const listed = await listSnapshots(store, {}, signal);
    const about = async (i: number) => ({
      ...{ store, provider, world, signal },
      target: { snapshot: await readSnapshot(provider, listed[i]!, signal) },
    });
    await pin(await about(0), { kind: 'pin', reason: 'before the move', untilMs: nowMs + day });
    await pin(await about(1), { kind: 'hold', reason: 'case 7' });
    await pin(await about(1), { kind: 'pin', reason: 'x', untilMs: null });
    const held = await run({ apply: false });
    expect(held.snapshots.map(({ keep }) => keep)).toEqual([true, true, false, true, true, true]);
    expect(held.snapshots[0]?.reasons).toEqual(['pinned until 2026-11-29T03:15:00.000Z: before the move']);
    expect(held.snapshots[1]?.reasons).toEqual(['legal hold: case 7', 'pinned: x']);
    nowMs += day;

    expect((await run({ apply: false })).snapshots.map(({ keep }) => keep)).toEqual([
      false,
      true,
      false,
      true,
      true,
      true,
    ]);
    expect((await unpin(await about(1), 'pin'))?.ends).toHaveLength(1);
    expect((await run({ apply: false })).snapshots[1]?.keep).toBe(true);
    expect((await unpin(await about(1), 'hold'))?.ends).toHaveLength(1);
    expect(await unpin(await about(1), 'hold')).toBeNull();
    expect((await run({ apply: false })).snapshots[1]?.keep).toBe(false);
    const all = { ...(await about(1)), target: { snapshot: null, server, owner: ownerUuid(1) } };
    await pin(all, { kind: 'hold', reason: 'case 8' });
    expect((await run({ apply: false })).snapshots.every(({ keep }) => keep)).toBe(true);
  });

  it('that cannot be read keep everything of the account', async () => {
    await history(store, 1, 6);
    await put(store, `events/${server}/${ownerUuid(1)}/20261121T031500Z-pin-${'0'.repeat(12)}.json`, '{');

    expect((await run()).snapshots.every(({ keep }) => keep)).toBe(true);
  });

  it('refuse an end that has passed and an empty reason', async () => {
    await history(store, 1, 1);
    const provider = await openProvider(store);
    const target = { snapshot: null, server, owner: ownerUuid(1) };
    const request = { store, provider, target, world, signal };

    await expect(pin(request, { kind: 'pin', reason: 'x', untilMs: nowMs })).rejects.toMatchObject({
      code: 'USAGE',
    });
    await expect(pin(request, { kind: 'hold', reason: ' ' })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('prune refuses', () => {
  const refused = async (report: PruneReport, rule: string, left: number): Promise<void> => {
    expect(report.refusals.map((one) => one.rule)).toEqual([rule]);
    expect(report.exitStatus).toBe(errorCodes.PRUNE_REFUSED.exit);
    expect(report.removed.count).toBe(0);
    expect(await expectWhole(store)).toBe(left);
  };

  it('to remove more than half at once, where that is more than a handful', async () => {
    await history(store, 1, 12);
    await refused(await run(), 'share', 12);
    const { refusals } = await run({ retention: { keepLast: 3, maxRemoveShare: 0.6 } });

    expect(refusals).toEqual([expect.objectContaining({ message: expect.stringContaining('8 of 12') })]);
    const given = { retention: { keepLast: 3, maxRemoveShare: 0.6 }, maxRemoveShare: 0.67 };
    expect(refusals[0]!.hint).toContain('--max-remove-share 0.67 ');
    expect((await run({ ...given, apply: false })).refusals).toEqual([]);
    expect((await run({ retention: { keepLast: 3, maxRemoveShare: 0.7 } })).refusals).toEqual([]);
  });

  it('a share that is too large, and removes all the same what was erased, with its objects', async () => {
    const written = await history(store, 2, 12);
    const owner = ownerUuid(2);
    const erased = written.map(({ manifest: { header } }) => header).filter((one) => one.owner === owner);
    const snapshots = erased.map(({ id, lineage, sequence, digest }) => ({ id, lineage, sequence, digest }));
    const event = { kind: 'erasure', server, owner, reason: 'asked for', snapshots, keys: [] } as const;
    await writeEvent(await openProvider(store), event, world, signal);
    const report = await run();

    expect(report.refusals.map(({ rule }) => rule)).toEqual(['share']);
    expect(report.exitStatus).toBe(errorCodes.PRUNE_REFUSED.exit);
    const sites = report.snapshots.filter(({ removed }) => removed).map(({ site }) => site);
    expect(sites).toEqual(Array(12).fill('site2'));
    expect(report.removed.count).toBe(12 * 3);
    expect(await keysIn(store, `data/${server}/${owner}/`)).toEqual([]);
    expect(await expectWhole(store)).toBe(12);
  });

  it('where the clocks differ by more than five minutes', async () => {
    await history(store, 1, 5);

    for (const minutes of [-6, 6]) {
      const off = { ...world, now: () => nowMs + minutes * 60_000 };
      await refused(await run({ world: off }), 'clock', 5);
    }
    expect(await keysIn(store, `events/${server}/${ownerUuid(1)}/`)).toEqual([]);
  });

  it('where the store lists by another clock than that of its puts', async () => {
    await history(store, 1, 5);
    const list: Store['list'] = async (request) => {
      const page = await store.list(request);
      const objects = page.objects.map((one) => ({ ...one, modifiedAtMs: one.modifiedAtMs - day }));
      return { ...page, objects };
    };
    await refused(await run({ store: { ...store, list } }), 'clock', 5);
  });

  it('for an account whose plan nobody knows, where rules go by it', async () => {
    await history(store, 2, 5);
    nowMs += 40 * day;
    const [known, unknown] = [ownerUuid(1), ownerUuid(2)];
    const report = await run({ retentionOf: (owner) => (owner === known ? { keepLast: 4 } : 'unknown') });

    expect(report.refusals).toMatchObject([{ rule: 'unknown-plan', owner: unknown }]);
    expect(report.snapshots.filter(({ keep }) => !keep).map(({ owner }) => owner)).toEqual([known]);
  });

  it('for an account whose newest snapshot is less than half of what was usual', async () => {
    await history(store, 2, 5);
    await putSnapshot(store, { owner: ownerUuid(1), sequence: 6, atMs: nowMs, entries: 49 });
    const report = await run({ retention: { keepLast: 2 } });

    expect(report.refusals).toEqual([expect.objectContaining({ rule: 'shrunk', owner: ownerUuid(1) })]);
    expect(report.snapshots.filter(({ removed }) => removed).map(({ site }) => site)).toEqual(
      Array(3).fill('site2'),
    );
    // Once the size has lasted it is believed.
    for (const sequence of [7, 8, 9, 10]) {
      await putSnapshot(store, { owner: ownerUuid(1), sequence, atMs: nowMs + sequence, entries: 49 });
    }
    expect((await run({ retention: { keepLast: 2, maxRemoveShare: 1 } })).refusals).toEqual([]);
  });

  it('where rules keep so few that one snapshot is all there is to compare with, until the smaller size has lasted', async () => {
    const kept: number[] = [];
    for (const [i, entries] of [100, 100, 100, 1, 1, 1, 1].entries()) {
      await putSnapshot(store, { owner: ownerUuid(1), sequence: i + 1, atMs: nowMs, entries });
      nowMs += day;
      await run({ retention: { keepLast: 1, maxRemoveShare: 1 } });
      kept.push((await keysIn(store, 'manifests/')).length);
    }
    expect(kept).toEqual([1, 1, 1, 2, 3, 1, 1]);
  });

  it('for such an account only until one of the good ones before is pinned after it, without an end', async () => {
    const written = await history(store, 1, 5);
    await putSnapshot(store, { owner: ownerUuid(1), sequence: 6, atMs: nowMs, entries: 49 });
    const provider = await openProvider(store);
    const good = (await listSnapshots(store, {}, signal)).find(({ key }) => key === written[3]!.key)!;
    const target = { snapshot: await readSnapshot(provider, good, signal) };
    const pinned = async (until: number | null) => {
      await pin({ store, provider, target, world, signal }, { kind: 'pin', reason: 'good', untilMs: until });
      return run({ retention: { keepLast: 1 } });
    };
    const ofEarlier = (await pinned(null)).refusals.map(({ rule }) => rule);
    nowMs += hour;
    const ofEnding = (await pinned(nowMs + day)).refusals.map(({ rule }) => rule);
    const { refusals, snapshots } = await pinned(null);
    expect([ofEarlier, ofEnding]).toEqual([['shrunk'], ['shrunk']]);

    expect(refusals).toEqual([]);
    expect(snapshots.filter(({ keep }) => keep).map(({ snapshot }) => snapshot.sequence)).toContain(4);
    expect(snapshots.filter(({ removed }) => removed)).not.toEqual([]);
  });

  it('to remove any object while a manifest cannot be read', async () => {
    const written = await history(store, 2, 5);
    await put(store, written[1]!.key, 'rubbish');
    const report = await run();
    const objects = await keysIn(store, 'data/');

    expect(report.refusals).toEqual([
      expect.objectContaining({
        rule: 'damaged-manifest',
        owner: ownerUuid(2),
        message: expect.stringContaining(written[1]!.key),
      }),
    ]);
    expect(report.snapshots.filter(({ removed }) => removed).map(({ site }) => site)).toEqual(
      Array(2).fill('site1'),
    );
    expect(objects).toHaveLength(10);
    await put(store, written[1]!.key, `${Buffer.from('')}`);
    await put(store, `manifests/${server}/${ownerUuid(2)}/of-a-later-release.manifest`, 'x');
    expect((await run()).refusals).toHaveLength(2);
  });
});

describe('where the store refuses to remove', () => {
  it('prune counts, gives up soon, and ends with STORE_DENIED', async () => {
    await history(store, 2, 9);
    let tries = 0;
    const appendOnly: Store = {
      ...store,
      capabilities: store.capabilities,
      remove: async ({ key }) => {
        tries += 1;
        throw new HoldfastError('STORE_DENIED', `may not remove ${key}`);
      },
    };
    const report = await run({ store: appendOnly, retention: relaxed });

    expect(report).toMatchObject({
      denied: 12,
      exitStatus: errorCodes.STORE_DENIED.exit,
      removed: { count: 0 },
    });
    expect(tries).toBe(1 + 10);
    expect(await expectWhole(store)).toBe(18);
  });

  it('needs credentials that can list', async () => {
    const putOnly = { ...store, capabilities: { ...store.capabilities, putOnly: true } };

    await expect(run({ store: putOnly })).rejects.toMatchObject({ code: 'STORE_DENIED' });
  });
});

describe('an interrupted prune', () => {
  it.each<StoreMethod>(['put', 'get', 'list', 'remove'])(
    'leaves whole snapshots, at any %s, and goes on',
    async (method) => {
      await history(store, 2, 9);
      await putStoreFile(store, server);
      const counting = faultyStore(await copyOf(store));
      await run({ store: counting, retention: relaxed });
      // The last put holds room back for the next prune, and may fail.
      const calls = counting.calls[method] - (method === 'put' ? 1 : 0);
      const aim = (await keysIn(counting)).filter((key) => !key.startsWith('events/'));
      const step = Math.max(1, Math.floor(calls / 12));
      for (let call = 1; call <= calls; call += step) {
        for (const when of ['before', 'after'] as const) {
          const copy = await copyOf(store);
          await expect(
            run({ store: faultyStore(copy, [{ method, call, when }]), retention: relaxed }),
          ).rejects.toThrow();
          await expectWhole(copy);
          await run({ store: copy, retention: relaxed });
          expect((await keysIn(copy)).filter((key) => !key.startsWith('events/'))).toEqual(aim);
        }
      }
    },
  );
});

describe('a store with versions', () => {
  it('gives all space back, and nothing older comes to light', async () => {
    const versioned = versionedStore(() => nowMs);
    const written = await history(versioned, 1, 5);
    // Somebody has put an object once more.
    const again = written[0]!.manifest.header.objects[0]!.key;
    await put(versioned, again, 'rubbish');
    nowMs += 2 * day;
    const report = await run({ store: versioned });

    expect(report.exitStatus).toBe(0);
    expect(await expectWhole(versioned)).toBe(3);
    expect(versioned.keysOfAnyVersion()).toEqual(await keysIn(versioned));
    expect(versioned.keysOfAnyVersion()).not.toContain(again);
  });
});

async function copyOf(of: Store): Promise<Store> {
  const copy = memoryStore({ now: () => nowMs });
  const now = nowMs;
  nowMs -= 3 * day;
  for (const key of await keysIn(of))
    await put(copy, key, (await collect(of.get({ key, signal }), 1e6)).toString());
  nowMs = now;
  return copy;
}

/** As an S3 bucket: a plain removal hides, one of a version frees. */
function versionedStore(now: () => number): Store & { keysOfAnyVersion(): string[] } {
  const versions = new Map<string, Store[]>();
  const one = 'object';
  const newest = (key: string): Store | undefined => versions.get(key)?.at(-1);
  return {
    ...memoryStore(),
    capabilities: { ...memoryStore().capabilities, versions: true },
    keysOfAnyVersion: () =>
      [...versions]
        .filter(([, all]) => all.length > 0)
        .map(([key]) => key)
        .sort(),
    async put(request) {
      const version = memoryStore({ now });
      const result = await version.put({ ...request, key: one });
      versions.set(request.key, [...(versions.get(request.key) ?? []), version]);
      return { ...result, version: String(versions.get(request.key)!.length) };
    },
    async *get(request) {
      const version = newest(request.key);
      if (version === undefined) throw new HoldfastError('OBJECT_MISSING', `there is no ${request.key}`);
      yield* version.get({ ...request, key: one });
    },
    async head({ key }) {
      const found = await newest(key)?.head({ key: one, signal });
      return found == null ? null : { ...found, key, version: String(versions.get(key)!.length) };
    },
    async list({ prefix, after = '' }) {
      const keys = this.keysOfAnyVersion().filter((key) => key.startsWith(prefix) && key > after);
      const objects = await Promise.all(keys.map((key) => this.head({ key, signal })));
      return { objects: objects.map((found) => found!), next: null };
    },
    async remove({ key, version }) {
      if (version === undefined) throw new Error('a removal without a version frees nothing');
      versions.get(key)?.splice(Number(version) - 1, 1);
    },
  };
}

it('a pruned manifest was one that could be read', () => {
  expect(() => decodeManifest(Buffer.from('rubbish'), 'x')).toThrow(HoldfastError);
});
