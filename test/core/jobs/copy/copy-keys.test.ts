/** Which key objects a copy gets, over stores in memory. */

import { beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Provider } from '../../../../src/core/contracts/provider.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { checkPlain, copyKeys } from '../../../../src/core/jobs/copy/copy-keys.ts';
import { SyntheticCopy, stateOn, withMethods } from '../../../support/synthetic-copy.ts';
import { keysIn, ownerUuid, put, putSnapshot, server, signal } from '../../../support/synthetic-snapshots.ts';

const keyOf = (revision: number): string => `keys/${server}/${ownerUuid(1)}/00001-${revision}-0123abcd.age`;
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
  await copyKeys(path, server, record);
  return keysIn(target);
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
