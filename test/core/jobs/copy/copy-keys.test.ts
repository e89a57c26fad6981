/** Which key objects a copy gets, over stores in memory. */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Provider } from '../../../../src/core/contracts/provider.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { lockAccount } from '../../../../src/core/jobs/account-lock.ts';
import { checkPlain, LackingKeys } from '../../../../src/core/jobs/copy/copy-keys.ts';
import { eraseAccount } from '../../../../src/core/jobs/keys/erase-account.ts';
import { SyntheticCopy, stateOn, withMethods } from '../../../support/synthetic-copy.ts';
import { keysIn, ownerUuid, put, putSnapshot, server, signal } from '../../../support/synthetic-snapshots.ts';

const keyOf = (revision: number): string => `keys/${server}/${ownerUuid(1)}/00001-${revision}-0123abcd.age`;
const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-copy-keys-'));
afterAll(() => rmSync(stateDir, { recursive: true }));
const file = 'age-encryption.org/v1\n-> X25519 x\nx\n--- x\nx';
let source: Store;
let target: Store;
let record: { keys: Set<string>; replacedKeys: number };

const opened = (store: Store) => ({
  store,
  provider: { put: store.put, get: store.get } as unknown as Provider,
});
const copy = async (): Promise<string[]> => {
  const path = { source: opened(source), target: opened(target), now: () => 0, signal, onSent: () => {} };
  const lacking = await LackingKeys.find(path, { server, stateDir }, record);
  await lacking.bring();
  return keysIn(target, 'keys/');
};

beforeEach(() => {
  source = memoryStore();
  target = memoryStore();
  record = { keys: new Set(), replacedKeys: 0 };
});

describe('a copy', () => {
  it('gets every revision of a key, whatever somebody puts above it', async () => {
    for (const revision of [0, 1, 9]) await put(source, keyOf(revision), file);
    await put(source, keyOf(3), 'garbage');
    await put(source, keyOf(4), file + ' '.repeat(1024 * 1024));

    expect(await copy()).toEqual([keyOf(0), keyOf(1), keyOf(9)]);
  });

  it('gets none back that a rotation took out of it, although the main store still has it', async () => {
    for (const revision of [0, 1]) await put(source, keyOf(revision), file);
    await copy();
    await put(target, keyOf(2), file);
    for (const revision of [0, 1]) await target.remove({ key: keyOf(revision), signal });

    expect(await copy()).toEqual([keyOf(2)]);
  });

  it('is known to hold what was replaced in the main store, until it is replaced there too', async () => {
    await put(source, keyOf(0), file);
    await copy();
    await put(source, keyOf(1), file);
    await source.remove({ key: keyOf(0), signal });

    expect([await copy(), record.replacedKeys]).toEqual([[keyOf(0), keyOf(1)], 1]);
    await put(target, keyOf(2), file);
    for (const revision of [0, 1]) await target.remove({ key: keyOf(revision), signal });

    expect([await copy(), record.replacedKeys]).toEqual([[keyOf(2)], 0]);
  });

  it('gets one back that it lost, and one that somebody put another above before it came', async () => {
    await put(source, keyOf(0), file);
    await put(target, keyOf(5), file);
    expect(await copy()).toEqual([keyOf(0), keyOf(5)]);
    await target.remove({ key: keyOf(5), signal });
    await target.remove({ key: keyOf(0), signal });

    expect(await copy()).toEqual([keyOf(0)]);
  });
});

describe('a key that is destroyed', () => {
  const world = { now: () => 0, newObjectId: () => randomBytes(16).toString('hex') };
  const erase = (store: Store, stateDirOf = stateDir) =>
    eraseAccount({
      ...{
        store,
        provider: opened(store).provider,
        storeId: server,
        stateDir: stateDirOf,
        servers: [server],
        world,
      },
      ...{ owner: ownerUuid(1), reason: 'asked for', apply: true, signal },
    });

  it('cannot be so while it is on its way to a copy, and does not come once it is', async () => {
    await put(source, keyOf(0), file);
    const { put: put0 } = target;
    const refusals: unknown[] = [];
    target = withMethods(target, {
      put: async (request) => {
        refusals.push(await erase(source).catch((error) => error.code));
        return put0(request);
      },
    });
    expect([await copy(), refusals]).toEqual([[keyOf(0)], ['ACCOUNT_LOCKED']]);

    const lock = lockAccount(stateDir, ownerUuid(1), '');
    target = memoryStore();
    expect(await copy()).toEqual([]);
    lock.release();
    await erase(withMethods(source, { remove: () => Promise.reject(new HoldfastError('STORE_DENIED', '')) }));
    expect([await copy(), await keysIn(source, 'keys/')]).toEqual([[], [keyOf(0)]]);
  });

  it('is taken away again where that happens on another machine meanwhile, or the run says that it is there', async () => {
    const copied = target;
    const elsewhere = mkdtempSync(join(stateDir, 'elsewhere-'));
    target = withMethods(target, {
      put: async (request) => {
        for (const store of [source, copied]) await erase(store, elsewhere);
        return copied.put(request);
      },
    });
    await put(source, keyOf(0), file);
    expect([await copy(), record.keys.size]).toEqual([[], 0]);

    await put(source, `keys/${server}/${ownerUuid(1)}/00002-0-89abcdef.age`, file);
    const stays = () => Promise.reject(new HoldfastError('STORE_DENIED', ''));
    target = withMethods(target, { remove: stays });
    await expect(copy()).rejects.toMatchObject({
      code: 'COPY_FAILED',
      hint: expect.stringContaining('key erase'),
    });
  });
});

it('gets no snapshot that was erased, though prune has not been there yet', async () => {
  const lab = await SyntheticCopy.open();
  try {
    await lab.days(2);
    const { main: store, state, directory: stateDir, world } = lab;
    await eraseAccount({
      ...{ ...opened(store), storeId: server, stateDir, servers: [state.server.uuid], world },
      ...{ owner: ownerUuid(1), reason: 'asked for', apply: true, signal },
    });
    await lab.days(1, { first: 3 });

    expect(await lab.run()).toMatchObject({ copied: 1, lacking: 0, error: null });
    expect(await lab.copied()).toEqual([3]);
  } finally {
    lab.close();
  }
});

describe('a copy that holds encrypted snapshots', () => {
  it('gets plain ones only where that is said', async () => {
    const lab = await SyntheticCopy.open();
    try {
      await lab.days(1);
      await lab.run();
      await put(lab.copy, `keys/${lab.server}/${ownerUuid(1)}/00001-0-0123abcd.age`, file);
      expect(await lab.run()).toMatchObject({ lacking: 0, error: null });
      await lab.days(1, { first: 2 });
      const refused = await lab.run();

      expect(refused).toMatchObject({ copied: 0, lacking: 1, error: { code: 'COPY_FAILED' } });
      expect(refused.error).toMatchObject({
        message: expect.stringContaining('it holds encrypted snapshots of this server'),
        hint: expect.stringContaining('--allow-plaintext'),
      });
      expect(await lab.run(null, { allowPlaintext: true })).toMatchObject({ copied: 1, error: null });
    } finally {
      lab.close();
    }
  });

  it('of others goes on to get plain ones of a server that had another UUID before', async () => {
    const lab = await SyntheticCopy.open();
    try {
      await lab.days(1);
      await lab.run();
      await put(lab.copy, keyOf(0), file);
      const state = await stateOn('another', lab.directory);
      const { uuid } = state.server;
      await putSnapshot(lab.main, { server: uuid, owner: ownerUuid(1), sequence: 1, atMs: lab.nowMs });

      expect(uuid).not.toBe(lab.server);
      expect(await lab.run(null, { state })).toMatchObject({ copied: 1, error: null });
    } finally {
      lab.close();
    }
  });

  it('is known by what it was sent where it is put-only', async () => {
    const capabilities = { ...target.capabilities, putOnly: true };
    const path = { target: opened(withMethods(target, { capabilities })), signal };
    const identity = { uuid: server, systemUuid: server, previous: [] };
    const check = (keys: readonly string[]) =>
      checkPlain(path, { server: identity, addin: 'nightly' }, { keys: new Set(keys) });

    await expect(check([])).resolves.toBeUndefined();
    await expect(check([keyOf(0)])).rejects.toMatchObject({ code: 'STORE_ENCRYPTED' });
  });
});
