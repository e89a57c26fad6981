/** Locks where something is to go or has gone: keys that an erasure names, and objects that a put-only copy has lost. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { listSnapshots } from '../../../../src/core/jobs/catalog.ts';
import { readManifest } from '../../../../src/core/jobs/copy/copy-one.ts';
import type { CopyReport } from '../../../../src/core/jobs/copy/report.ts';
import { extendForRevision } from '../../../../src/core/jobs/extend-locks.ts';
import { eraseAccount } from '../../../../src/core/jobs/keys/erase-account.ts';
import { openSigner } from '../../../../src/core/state/signing-key.ts';
import { type Lab, openLab } from '../../../support/backup.ts';
import { runCopy } from '../../../support/copies.ts';
import { dayMs, opened, withMethods } from '../../../support/synthetic-copy.ts';
import { keysIn, signal } from '../../../support/synthetic-snapshots.ts';

const lockMs = 30 * dayMs;
const copyLockMs = 2 * dayMs;
let directory: string;
let lab: Lab;
let nowMs: number;
let main: Store;
let copy: Store;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-locks-of-gone-'));
  mkdirSync(join(directory, 'tree'));
  nowMs = Date.now();
  main = memoryStore({ now: () => nowMs, lockMs });
  copy = memoryStore({ now: () => nowMs, lockMs: copyLockMs });
  lab = await openLab(directory, { chain: {}, encrypted: true, store: main });
});
afterEach(async () => {
  await lab.close();
  rmSync(directory, { recursive: true });
});

const denied = (): Promise<never> =>
  Promise.reject(new HoldfastError('STORE_DENIED', 'these credentials can only write'));

/** As AWS and Ceph answer a writer: what is not there is refused like what may not be touched. */
const putOnly = (store: Store): Store =>
  withMethods(store, {
    capabilities: { ...store.capabilities, objectLock: false, lockRules: '2 days', putOnly: true },
    head: denied,
    list: denied,
    async *get() {
      yield await denied();
    },
    extendLock: async (request) => {
      if ((await store.head({ key: request.key, signal })) === null) await denied();
      await store.extendLock?.(request);
    },
  });

async function night(as: (store: Store) => Store): Promise<CopyReport> {
  nowMs += dayMs;
  writeFileSync(join(directory, 'tree', `page-${nowMs}`), `hello ${nowMs}`);
  const level = (await keysIn(main, 'manifests/')).length === 0 ? 'full' : 'incremental';
  await lab.backUp({ shadow: join(directory, 'tree') }, { level, now: () => nowMs });
  const world = { now: () => nowMs, newUuid: () => '00000000-0000-4000-8000-000000000000' };
  const target = { name: 'offsite', retention: null, open: () => opened(as(copy)) };
  return runCopy(lab, target, { world, settleMs: 1 });
}

/** @returns the keys that stayed because of their locks */
async function erase(store: Store, key: string): Promise<readonly unknown[]> {
  const [, server, owner] = key.split('/');
  const signer = await openSigner(lab.stateDir, lab.state.server.uuid);
  const [storeId] = readdirSync(join(lab.stateDir, 'owner-keys'));
  const { left } = await eraseAccount({
    ...(await opened(store)),
    storeId: storeId!,
    stateDir: lab.stateDir,
    servers: [server!],
    owner: owner!,
    reason: 'asked',
    apply: true,
    world: { now: () => nowMs, newObjectId: () => randomBytes(16).toString('hex'), signer },
    signal,
  });
  return left;
}

const lockOf = async (store: Store, key: string): Promise<number> =>
  (await store.head({ key, signal }))?.lockedUntilMs ?? 0;

describe('a key that was erased while it was locked', () => {
  it('goes once its lock ends, though the account goes on', async () => {
    copy = memoryStore({ now: () => nowMs, lockMs });
    await night((store) => store);
    const [old = ''] = await keysIn(main, 'keys/');
    const endMs = await lockOf(main, old);
    nowMs += dayMs;
    expect(await erase(main, old)).not.toEqual([]);
    expect(await erase(copy, old)).not.toEqual([]);

    for (let nights = 0; nights < 2; nights++) {
      expect(await night((store) => store)).toMatchObject({ copied: 1, error: null });
    }
    const listed = (await listSnapshots(main, {}, signal)).at(-1);
    const { header } = await readManifest({ source: await opened(main), signal }, listed!);
    const { epoch, pair } = header.encryption!;
    expect(old).not.toContain(pair);
    const locked = new Set<string>();
    const body = { warningCounts: {}, warnings: [] } as never;
    const ownEpoch = { epoch, publicKey: Buffer.alloc(32) };
    await extendForRevision({ ...(await opened(main)), locked, signal }, header, body, ownEpoch);

    for (const store of [main, copy]) {
      expect(await lockOf(store, old)).toBe(endMs);
      const fresh = (await keysIn(store, 'keys/')).filter((key) => key !== old);
      expect(await lockOf(store, fresh[0]!)).toBe(nowMs + lockMs);
    }
    nowMs = endMs + 1;
    await erase(copy, old);
    expect(await keysIn(copy, 'keys/')).not.toContain(old);
  });

  it('keeps no snapshot from a put-only copy that has destroyed it already', async () => {
    await night(putOnly);
    const [old = ''] = await keysIn(copy, 'keys/');
    nowMs += copyLockMs + 1;
    expect(await erase(main, old)).not.toEqual([]);
    expect(await erase(copy, old)).toEqual([]);

    expect(await night(putOnly)).toMatchObject({ copied: 1, error: null });
    expect(await keysIn(main, 'keys/')).toContain(old);
    expect(await keysIn(copy, 'keys/')).not.toContain(old);
  });
});

describe('a put-only copy of a service that refuses what is not there', () => {
  it('is sent again what it has lost', async () => {
    await night(putOnly);
    await night(putOnly);
    const [lost = ''] = await keysIn(copy, 'data/');
    nowMs += copyLockMs + 1;
    await copy.remove({ key: lost, signal });

    expect(await night(putOnly)).toMatchObject({ copied: 1, error: null });
    expect(await keysIn(copy, 'data/')).toContain(lost);
  });

  it('gets no snapshot whose locks it refuses to extend', async () => {
    await night(putOnly);
    const refusing = (store: Store): Store => withMethods(putOnly(store), { extendLock: denied });

    expect(await night(refusing)).toMatchObject({ copied: 0, error: { code: 'COPY_FAILED' } });
  });
});
