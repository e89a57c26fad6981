/** Who owns a store that several servers find empty at the same time. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localStore } from '../../../src/addins/local/index.ts';
import type { Store } from '../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../src/core/errors.ts';
import { companionProblems, readCompanions } from '../../../src/core/jobs/companions.ts';
import { claimCopy, claimStore } from '../../../src/core/jobs/store-identity.ts';

const world = { now: Date.now, newUuid: randomUUID, signal: new AbortController().signal };
let path: string;
let store: Store;
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'holdfast-claim-'));
  store = await localStore.open({ use: 'local', path });
});
afterEach(async () => {
  await store.close();
  rmSync(path, { recursive: true, force: true });
});

/** The store, where `first` happens before its next answer of this kind is asked for. */
function preceded(method: 'list' | 'put', first: () => Promise<unknown>): Store {
  let waiting: Promise<unknown> | null = null;
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== method) return value.bind(target);
      return async (...args: unknown[]) => {
        waiting ??= first();
        await waiting;
        return value.apply(target, args);
      };
    },
  });
}

describe('an empty store', () => {
  it('has one id for all servers that find it at the same time', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => claimStore(store, null, world)));

    expect(new Set(ids).size).toBe(1);
  });

  it.each(['list', 'put'] as const)(
    'is that of another server that was faster, before our %s',
    async (method) => {
      let theirs = '';
      const ours = preceded(method, async () => {
        theirs = await claimStore(store, null, world);
      });

      expect(await claimStore(ours, null, world)).toBe(theirs);
    },
  );

  it('becomes a copy of its own copy, which was accepted in its place, and can be accepted again', async () => {
    const [accepted, first] = [randomUUID(), await claimStore(store, null, world)];
    const claimed = await claimCopy(store, null, [accepted, first], world);

    expect(claimed).toBe(first);
    expect(JSON.parse(readFileSync(join(path, 'holdfast.json'), 'utf8')).origins).toEqual([accepted]);
    await expect(claimStore(store, accepted, world)).rejects.toMatchObject({
      hint: expect.stringContaining('--accept-copy'),
    });
    await expect(claimStore(store, randomUUID(), world)).rejects.toMatchObject({
      hint: expect.stringContaining('("The main store comes back")'),
    });
  });

  it('is refused, and nothing written, where a stranger is faster', async () => {
    const ours = preceded('list', async () => writeFileSync(join(path, 'strangers-file'), 'x'));

    await expect(claimStore(ours, null, world)).rejects.toMatchObject({ code: 'STORE_FOREIGN' });
    const where = (): string => 'the store /srv/x of nightly/far';
    await expect(claimCopy(ours, randomUUID(), [randomUUID()], { ...world, where })).rejects.toMatchObject({
      message: expect.stringContaining('the store /srv/x of nightly/far has lost its holdfast.json'),
      hint: expect.stringContaining('give the copy a new name'),
    });
    const copies = ['far', 'vault'];
    await expect(claimStore(ours, randomUUID(), { ...world, copies })).rejects.toMatchObject({
      hint: expect.stringMatching(
        /; where it is gone, restore with --copy far or --copy vault, .*recovery\.md/,
      ),
    });
    expect((await store.list({ prefix: '', signal: world.signal })).objects.map(({ key }) => key)).toEqual([
      'strangers-file',
    ]);
  });
});

describe('what lies beside the backups', () => {
  const name = 'rescue.py';
  const read = (): string => readFileSync(join(path, name), 'utf8');

  it('is put right by whoever may write, and told where he may not', async () => {
    const id = await claimStore(store, null, world);
    const shipped = read();
    expect(companionProblems(await readCompanions(store, world.signal))).toEqual([]);
    writeFileSync(join(path, name), 'import os');
    rmSync(join(path, 'RESTORE.md'));
    expect(companionProblems(await readCompanions(store, world.signal))).toMatchObject([
      { name: 'RESTORE.md', message: 'RESTORE.md is missing' },
      { name, message: expect.stringContaining('is not the one of this release') },
    ]);

    const denied = new HoldfastError('STORE_DENIED', 'no right to put');
    const reader = preceded('put', () => Promise.reject(denied));
    expect(await claimStore(reader, id, world)).toBe(id);
    expect(read()).toBe('import os');
    expect(await claimStore(store, id, world)).toBe(id);
    expect(read()).toBe(shipped);
    expect(await readCompanions(store, world.signal)).toEqual([
      { name: 'RESTORE.md', state: 'own' },
      { name, state: 'own' },
    ]);
  });

  it('is left alone in a store that is not ours', async () => {
    await claimStore(store, null, world);
    writeFileSync(join(path, name), 'theirs');

    await expect(claimStore(store, randomUUID(), world)).rejects.toMatchObject({ code: 'STORE_FOREIGN' });
    expect(read()).toBe('theirs');
  });
});
