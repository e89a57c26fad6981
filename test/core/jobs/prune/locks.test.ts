/** What object lock makes of backups and prune, on a store in memory that keeps its locks. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newKeyPair } from '../../../../src/core/age/x25519.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { pairId } from '../../../../src/core/encryption/key-text.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { WarningList } from '../../../../src/core/jobs/backup/warnings.ts';
import { listSnapshots, readSnapshot, type Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { extendLocks } from '../../../../src/core/jobs/extend-locks.ts';
import { prune } from '../../../../src/core/jobs/prune/prune.ts';
import type { PruneReport } from '../../../../src/core/jobs/prune/types.ts';
import { publishRevision } from '../../../../src/core/jobs/revision.ts';
import { readLineage } from '../../../../src/core/state/lineages.ts';
import { type Lab, openLab } from '../../../support/backup.ts';
import { keysIn, put, signal } from '../../../support/synthetic-snapshots.ts';

const dayMs = 24 * 3_600_000;
const lockMs = 5 * dayMs;
let directory: string;
let nowMs: number;
let store: Store;
let lab: Lab;
let extended: string[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-locks-'));
  mkdirSync(join(directory, 'tree'));
  nowMs = Date.now();
  extended = [];
  const memory = memoryStore({ now: () => nowMs, lockMs });
  store = {
    ...memory,
    extendLock: async (request) => {
      extended.push(request.key);
      await memory.extendLock?.(request);
    },
  };
  lab = await openLab(directory, { chain: {}, store });
});
afterEach(async () => {
  await lab.close();
  rmSync(directory, { recursive: true });
});

async function backUp(level: 'full' | 'incremental'): Promise<Snapshot> {
  writeFileSync(join(directory, 'tree', `page-${nowMs}`), `hello ${nowMs}`);
  return (await lab.backUp({ shadow: join(directory, 'tree') }, { level, now: () => nowMs })).snapshot;
}

const run = (apply = true): Promise<PruneReport> =>
  prune({
    store,
    provider: lab.provider,
    server: lab.state.server.uuid,
    addin: lab.addin,
    owners: null,
    retention: { keepLast: 1, maxRemoveShare: 1 },
    apply,
    stateDir: lab.stateDir,
    world: { now: () => nowMs, newObjectId: () => 'e'.repeat(32) },
    signal,
    onEvent: () => {},
  });

const remembered = ({ header: { owner } }: Snapshot) => readLineage(lab.stateDir, lab.addin.id, owner);

const lockOf = async (key: string): Promise<number> =>
  (await store.head({ key, signal }))?.lockedUntilMs ?? 0;

describe('a backup to a store with object lock', () => {
  it('extends the locks of what it refers to, before it is committed', async () => {
    const full = await backUp('full');
    nowMs += dayMs;
    const next = await backUp('incremental');
    const { references, objects } = next.header;

    expect(references.length).toBeGreaterThan(0);
    expect(extended.toSorted()).toEqual(references.map(({ key }) => key).toSorted());
    const lockEnd = await lockOf(next.key);
    for (const { key } of [...references, ...objects])
      expect(await lockOf(key)).toBeGreaterThanOrEqual(lockEnd);
    expect(await lockOf(full.key)).toBeLessThan(lockEnd);
    expect(next.body.warningCounts).toEqual({});
  });

  it('asks for what an interrupted run stored as if nobody had locked it', async () => {
    const parent = await backUp('full');
    const asked: (string | number | null)[][] = [];
    const extendLock: Store['extendLock'] = async ({ key, lockedAtMs }) => void asked.push([key, lockedAtMs]);
    await extendLocks([{ key: 'of the parent' }], {
      addin: { store: { ...store, extendLock }, provider: lab.provider },
      server: parent.header.server,
      owner: parent.header.owner,
      epoch: null,
      parent,
      takenOver: [{ key: 'of a killed run' }],
      remembered: await remembered(parent),
      warnings: new WarningList(),
      signal,
    });

    const begun = Date.parse(parent.header.startedAt);
    expect(asked).toEqual([
      ['of the parent', begun],
      ['of a killed run', null],
    ]);
  });

  it('asks as if nobody had locked anything where the parent was made by other rules, or nobody knows by which', async () => {
    const asked: (number | null)[] = [];
    store.extendLock = async ({ lockedAtMs }) => void asked.push(lockedAtMs);
    const capabilities = { ...store.capabilities };
    store = Object.assign(lab.addin.store, { capabilities });
    const underRules = async (lockRules: string | null): Promise<(number | null)[]> => {
      Object.assign(capabilities, { lockRules });
      asked.length = 0;
      await backUp('incremental');
      return [...new Set(asked)];
    };
    Object.assign(capabilities, { lockRules: null, objectLock: false });
    await backUp('full');

    expect(await underRules(null)).toEqual([]);
    // Nobody could ask whether the place has locks.
    expect(await underRules('30 days')).toEqual([null]);
    expect(await underRules('30 days')).toEqual([nowMs]);
    expect(await underRules('365 days')).toEqual([null]);
    expect(await underRules('365 days')).toEqual([nowMs]);
    rmSync(join(lab.stateDir, 'lineages'), { recursive: true });
    expect(await underRules('365 days')).toEqual([null]);
  });

  it('goes by the clock of the store, whatever its own was when the parent was made', async () => {
    const parent = await backUp('full');
    const asked: (number | null)[] = [];
    const at = (hours: number): string => new Date(nowMs + 40 * dayMs + hours * 3_600_000).toISOString();
    const { server, owner } = parent.header;
    await extendLocks([{ key: 'of the parent' }], {
      addin: {
        store: { ...store, extendLock: async ({ lockedAtMs }) => void asked.push(lockedAtMs) },
        provider: lab.provider,
      },
      ...{ server, owner, epoch: null, takenOver: [], warnings: new WarningList(), signal },
      remembered: await remembered(parent),
      parent: { ...parent, header: { ...parent.header, startedAt: at(0), committedAt: at(2) } },
    });

    expect(asked).toEqual([Date.parse(parent.header.storeClockAt!) - 2 * 3_600_000]);
  });

  it('asks for every revision of its keys, since only an identity tells which of them opens', async () => {
    const parent = await backUp('full');
    const { server, owner } = parent.header;
    const { publicKey } = newKeyPair();
    const keys = [0, 1, 9].map(
      (revision) => `keys/${server}/${owner}/00001-${revision}-${pairId(publicKey)}.age`,
    );
    for (const key of keys) await put(store, key, 'x');
    const context = {
      ...{ server, owner, parent, epoch: { epoch: 1, publicKey } },
      ...{ takenOver: [], remembered: null, warnings: new WarningList(), signal },
    };
    extended = [];
    await extendLocks([], { ...context, addin: { store, provider: lab.provider } });
    expect(extended.toSorted()).toEqual(keys);

    const unseen = { ...store, capabilities: { ...store.capabilities, putOnly: true } };
    const there: string[] = [];
    unseen.extendLock = async ({ key }) => {
      // Of a key that was rotated elsewhere the first revision is gone.
      if (key !== keys[1]) throw new HoldfastError('OBJECT_MISSING', key);
      there.push(key);
    };
    await extendLocks([], { ...context, addin: { store: unseen, provider: lab.provider } });
    expect(there).toEqual([keys[1]]);
    expect(context.warnings.total).toBe(0);
  });

  it('is committed with a warning where a lock cannot be extended, and tries all again', async () => {
    await backUp('full');
    const given: (number | null)[] = [];
    store.extendLock = async ({ lockedAtMs }) => {
      given.push(lockedAtMs);
      throw new HoldfastError('STORE_DENIED', 'planted');
    };
    const first = await backUp('incremental');
    const second = await backUp('incremental');

    expect(first.body.warningCounts['lock-not-extended']).toBe(first.header.references.length);
    expect(given[0]).toBe(nowMs);
    expect(given.at(-1)).toBeNull();
    expect(second.body.warningCounts['lock-not-extended']).toBe(second.header.references.length);
  });

  it('is not committed where what it refers to is gone', async () => {
    await backUp('full');
    store.extendLock = async ({ key }) => {
      throw new HoldfastError('OBJECT_MISSING', `there is no ${key}`);
    };

    await expect(backUp('incremental')).rejects.toMatchObject({ code: 'CHAIN_BROKEN' });
    expect(await keysIn(store, 'manifests/')).toHaveLength(1);
  });
});

describe('a new revision in a store with object lock', () => {
  const publish = async (of: Snapshot): Promise<Snapshot> => {
    const { server, owner } = of.header;
    const place = { store, provider: lab.provider, signer: null, epoch: null, now: () => nowMs, signal };
    await publishRevision(place, of, { header: {}, body: of.body });
    const [latest] = await listSnapshots(store, { server, owner }, signal);
    return readSnapshot(lab.provider, latest!, signal);
  };

  it('extends the lock of all it names', async () => {
    const full = await backUp('full');
    nowMs += dayMs;
    const next = await publish(full);

    expect(next.header.revision).toBe(1);
    const lockEnd = await lockOf(next.key);
    for (const { key } of next.header.objects) expect(await lockOf(key)).toBe(lockEnd);
    expect(next.body).toEqual(full.body);
  });

  it('says in a warning where the store refuses', async () => {
    const full = await backUp('full');
    store.extendLock = async () => {
      throw new HoldfastError('STORE_DENIED', 'planted');
    };
    const { body } = await publish(full);

    expect(body.warningCounts).toEqual({ 'lock-not-extended': full.header.objects.length });
    expect(body.warnings[0]?.message).toMatch(/^the lock of data\/\S+ was not extended: planted$/);
  });
});

describe('prune of a store with object lock', () => {
  it('keeps what is locked and says until when, and removes it afterwards', async () => {
    const first = await backUp('full');
    nowMs += dayMs;
    await backUp('full');
    const before = await keysIn(store);
    const report = await run();

    expect(report.snapshots.map(({ keep, removed, reasons }) => [keep, removed, reasons[0]])).toEqual([
      [true, false, expect.stringMatching(/^locked by the store until \d{4}-\d\d-\d\dT\d\d:\d\dZ$/)],
      [true, false, expect.any(String)],
    ]);
    expect(report).toMatchObject({ exitStatus: 0, denied: 0, removed: { count: 0 } });
    // No event promises what does not happen.
    expect(await keysIn(store)).toEqual(before);

    nowMs = (await lockOf(first.key)) + 1;
    await run();
    expect(await keysIn(store, 'manifests/')).toHaveLength(1);
    expect(await keysIn(store, 'data/')).toHaveLength(1);
  });

  it('goes by what each manifest tells where nobody could ask whether the place has locks', async () => {
    Object.assign(store, { capabilities: { ...store.capabilities, objectLock: false } });
    await backUp('full');
    nowMs += dayMs;
    await backUp('full');

    expect(await run()).toMatchObject({ exitStatus: 0, denied: 0, removed: { count: 0 } });
  });

  it('tells of objects that nothing names and that are locked for longer than their manifest was', async () => {
    const first = await backUp('full');
    nowMs += dayMs;
    await backUp('full');
    nowMs += 2 * dayMs;
    const [object] = first.header.objects;
    await store.extendLock?.({ key: object!.key, lockedAtMs: null, signal });
    nowMs = (await lockOf(first.key)) + 1;
    const end = await lockOf(object!.key);
    const report = await run();

    expect(report.kept).toEqual({ count: 1, bytes: object!.size, ends: [end, end] });
    expect(report).toMatchObject({ exitStatus: 0, denied: 0 });
    expect(await keysIn(store, 'manifests/')).toHaveLength(1);
    expect(await keysIn(store)).toContain(object!.key);
  });
});
