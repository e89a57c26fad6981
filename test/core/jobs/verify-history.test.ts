/** Whether verify notices that snapshots are missing, over real ones in a directory. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseEventKey } from '../../../src/core/archive/keys.ts';
import { decodeManifest, encodeManifest, type ManifestHeader } from '../../../src/core/archive/manifest.ts';
import type { Store } from '../../../src/core/contracts/store.ts';
import { listSnapshots } from '../../../src/core/jobs/catalog.ts';
import { prune } from '../../../src/core/jobs/prune/prune.ts';
import { verify } from '../../../src/core/jobs/verify.ts';
import type { VerifyRequest } from '../../../src/core/jobs/verify-types.ts';
import { type Lab, openLab } from '../../support/backup.ts';
import { copyIn, runCopy } from '../../support/copies.ts';

const dayMs = 24 * 3_600_000;
const { signal } = new AbortController();
const directory = mkdtempSync(join(tmpdir(), 'holdfast-verify-history-'));
let lab: Lab;
let names: string[];
let keys: string[];
let kept: Map<string, Buffer>;

beforeAll(async () => {
  const tree = join(directory, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'page'), 'hello');
  lab = await openLab(directory);
  names = [];
  for (let day = 6; day > 0; day--) {
    const { snapshot } = await lab.backUp({ files: tree }, { now: () => Date.now() - day * dayMs });
    names.push(snapshot.name);
  }
  keys = (await listSnapshots(lab.store, {}, signal)).map(({ key }) => key);
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true });
});

const file = (sequence: number): string => join(lab.storePath, keys[sequence - 1]!);
beforeEach(() => {
  kept = new Map(keys.map((key) => [key, readFileSync(join(lab.storePath, key))]));
});
afterEach(() => {
  for (const [key, bytes] of kept) writeFileSync(join(lab.storePath, key), bytes);
  rmSync(join(lab.storePath, 'events'), { recursive: true, force: true });
});

async function histories(more: Partial<VerifyRequest> = {}) {
  const { store, provider } = { store: lab.store, provider: lab.provider, ...more };
  const snapshots = await listSnapshots(store, {}, signal);
  const common = { store, provider, threads: 1, readData: false, signal, onEvent: () => {} };
  const report = await verify({ snapshots, wholeHistories: true, ...common, ...more });
  return {
    found: report.histories.map(({ snapshot, kind, message }) => [snapshot, kind, message]),
    exitStatus: report.exitStatus,
  };
}

const pruneTo = (keepLast: number) =>
  prune({
    store: lab.store,
    provider: lab.provider,
    server: lab.state.server.uuid,
    addin: lab.addin,
    owners: null,
    retention: { keepLast, maxRemoveShare: 1 },
    apply: true,
    stateDir: lab.stateDir,
    world: { now: Date.now, newObjectId: () => 'e'.repeat(32) },
    signal,
    onEvent: () => {},
  });

/** Changes a manifest's header, under a seal that fits. */
function reseal(sequence: number, change: Partial<ManifestHeader>): void {
  const { header, body } = decodeManifest(readFileSync(file(sequence)), keys[sequence - 1]!);
  writeFileSync(file(sequence), encodeManifest({ header: { ...header, ...change }, body }, null));
}

describe('verify of whole histories', () => {
  it('finds nothing wrong with snapshots that follow one another', async () => {
    expect(await histories()).toEqual({ found: [], exitStatus: 0 });
  });

  it('names each gap that no event explains', async () => {
    for (const sequence of [1, 3, 4]) rmSync(file(sequence));

    expect(await histories()).toEqual({
      found: [
        [names[1], 'gap', 'snapshot 1 of its sequence is missing, and no prune event says why'],
        [names[4], 'gap', 'snapshots 3-4 of its sequence are missing, and no prune event says why'],
      ],
      exitStatus: 43,
    });
  });

  it('says nothing of what was pruned, and names what went besides', async () => {
    expect((await pruneTo(3)).snapshots.filter(({ removed }) => removed).length).toBe(3);
    expect(await histories()).toEqual({ found: [], exitStatus: 0 });

    rmSync(file(5));
    expect((await histories()).found).toEqual([
      [names[5], 'gap', 'snapshot 5 of its sequence is missing, and no prune event says why'],
    ]);
  });

  it('names a prune event that cannot be read beside the gap it may explain', async () => {
    await pruneTo(5);
    const { objects } = await lab.store.list({ prefix: 'events/', signal });
    const event = objects.find(({ key }) => parseEventKey(key) !== null);
    writeFileSync(join(lab.storePath, event!.key), 'torn');

    expect((await histories()).found).toEqual([
      [
        names[1],
        'gap',
        `snapshot 1 of its sequence is missing, and no prune event says why; ${event!.key} cannot be read`,
      ],
    ]);
  });

  it.each([
    ['the one before it', 3, (): void => {}],
    ['the one that was pruned before it', 4, () => pruneTo(3)],
  ])('names a snapshot whose digest of %s is another', async (_, sequence, prepare) => {
    await prepare();
    reseal(sequence, { previous: 'f'.repeat(64) });

    expect(await histories()).toEqual({
      found: [
        [
          names[sequence - 1],
          'previous',
          `its "previous" is not the digest of snapshot ${sequence - 1} of its sequence`,
        ],
      ],
      exitStatus: 42,
    });
  });

  it('names a first snapshot that says it is not', async () => {
    reseal(1, { previous: 'f'.repeat(64) });

    expect((await histories()).found).toEqual([
      [names[0], 'previous', 'its "previous" names a snapshot, but it is the first of its sequence'],
    ]);
  });

  it('does not call a manifest missing that is damaged, which is a problem by itself', async () => {
    writeFileSync(file(3), 'torn');

    expect(await histories()).toEqual({ found: [], exitStatus: 42 });
  });

  it('is not misled by a sequence that is far away', async () => {
    const at = keys[5]!;
    const far = at.replace('/00000006-', '/99999996-');
    const { header, body } = decodeManifest(readFileSync(file(6)), at);
    rmSync(file(6));
    const bytes = encodeManifest({ header: { ...header, sequence: 99_999_996 }, body }, null);
    writeFileSync(join(lab.storePath, far), bytes);
    try {
      const { found } = await histories();
      expect(found).toEqual([[names[5], 'gap', expect.stringContaining('6-99999995 of its sequence')]]);
    } finally {
      rmSync(join(lab.storePath, far));
    }
  });

  it('is not asked for where a single snapshot is verified', async () => {
    rmSync(file(3));
    const snapshots = (await listSnapshots(lab.store, {}, signal)).slice(-1);

    expect(await histories({ snapshots, wholeHistories: false })).toEqual({ found: [], exitStatus: 0 });
  });

  it('is left alone where credentials can only put', async () => {
    rmSync(file(3));
    const { name, head, put, get, list, remove, close } = lab.store;
    const capabilities = { ...lab.store.capabilities, putOnly: true };
    const methods = { head, put, get, list, remove, close };
    const bound = Object.fromEntries(
      Object.entries(methods).map(([key, method]) => [key, method.bind(lab.store)]),
    ) as unknown as typeof methods;
    const store: Store = { name, capabilities, ...bound };

    expect((await histories({ store })).found).toEqual([]);
  });
});

describe('verify of a copy', () => {
  it('takes no offence at what it never got, but at snapshots that do not follow one another', async () => {
    const path = join(directory, 'copy');
    const retention = { keepDaily: 1, keepLast: 3 };
    rmSync(file(5));
    const target = copyIn(path, 'offsite', undefined, retention);
    expect(await runCopy(lab, target)).toMatchObject({ copied: 3, error: null });
    const { store, provider } = await target.open();

    expect(await histories({ store, provider })).toEqual({ found: [], exitStatus: 0 });
    const { header, body } = decodeManifest(kept.get(keys[3]!)!, keys[3]!);
    const changed = { ...header, previous: 'f'.repeat(64) };
    writeFileSync(join(path, keys[3]!), encodeManifest({ header: changed, body }, null));

    expect((await histories({ store, provider })).found).toEqual([
      [names[3], 'previous', 'its "previous" is not the digest of snapshot 3 of its sequence'],
    ]);
    await store.close();
  });
});
