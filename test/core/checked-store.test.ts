import { describe, expect, it } from 'vitest';
import { checkedStore } from '../../src/core/checked-store.ts';
import { memoryStore, storeChecks } from '../../src/core/conformance/index.ts';
import type { ListPage, Store } from '../../src/core/index.ts';
import { atMost, bytesOf, collect } from '../../src/core/streams.ts';
import { checksFor, storeCheckFailure } from '../support/run-checks.ts';

const { signal } = new AbortController();

async function storeWith(change: (sound: Store) => Partial<Store>): Promise<Store> {
  const sound = memoryStore({ now: Date.now });
  for (const key of ['a/1', 'a/2', 'a/3', 'b/1'])
    await sound.put({ key, body: bytesOf(Buffer.from(key)), signal });
  return checkedStore({ ...sound, ...change(sound) });
}

const listing = (change: (page: ListPage) => ListPage) =>
  storeWith((sound) => ({ list: async (request) => change(await sound.list(request)) }));

const unsound = (message: RegExp) => ({
  code: 'STORE_UNSOUND',
  message: expect.stringMatching(message),
});

describe('a checked store', () => {
  const sound = memoryStore({ now: Date.now });
  const store = checkedStore(sound);

  it.each(checksFor(store))('$name', async (check) => {
    expect(storeChecks).toContain(check);
    expect(await storeCheckFailure(check, store, async () => checkedStore(sound))).toBeNull();
  });

  it('passes on locks only where the store has them', async () => {
    const { extendLock: _, ...without } = memoryStore({ now: Date.now });
    expect(checkedStore(without).extendLock).toBeUndefined();
    const calls: unknown[] = [];
    const locking = checkedStore({
      ...memoryStore({ now: Date.now }),
      extendLock: async (request) => void calls.push(request),
    });
    const request = { key: 'a', lockedAtMs: null, signal };
    await locking.extendLock?.(request);
    expect(calls).toEqual([request]);
  });
});

describe('a checked listing', () => {
  it.each<[string, (page: ListPage) => ListPage, RegExp]>([
    [
      'out of order',
      ({ objects }) => ({ objects: objects.toReversed(), next: null }),
      /out of order: "a\/2"/,
    ],
    [
      'with a key twice',
      ({ objects }) => ({ objects: [objects[0]!, ...objects], next: null }),
      /"a\/1" after "a\/1"/,
    ],
    ['that leads nowhere', (page) => ({ ...page, next: '' }), /goes on after ""/],
    ['that leads back', (page) => ({ ...page, next: 'a/1' }), /goes on after "a\/1"/],
    ['that stays where it is', () => ({ objects: [], next: '' }), /goes on after ""/],
  ])('is refused %s', async (_, change, message) => {
    await expect((await listing(change)).list({ prefix: 'a/', signal })).rejects.toMatchObject(
      unsound(message),
    );
  });

  it('is refused with keys that were not asked for', async () => {
    const ignoring = await storeWith((sound) => ({
      list: (request) => sound.list({ ...request, prefix: '' }),
    }));
    await expect(ignoring.list({ prefix: 'b/', signal })).rejects.toMatchObject(
      unsound(/below b\/ and shows "a\/1"/),
    );
  });

  it('is refused where it begins anew', async () => {
    const anew = await storeWith((sound) => ({
      list: ({ prefix, signal }) => sound.list({ prefix, signal }),
    }));
    await expect(anew.list({ prefix: 'a/', after: 'a/2', signal })).rejects.toMatchObject(
      unsound(/out of order/),
    );
  });

  it('is one of keys in the order of their bytes, also where that of UTF-16 is another', async () => {
    const keys = ['a/\ufffd', 'a/\u{1f600}'];
    const listed = await listing(({ objects: [one] }) => ({
      objects: keys.map((key) => ({ ...one!, key })),
      next: null,
    }));
    expect((await listed.list({ prefix: 'a/', signal })).objects.map(({ key }) => key)).toEqual(keys);
  });

  it('may end a page without objects, and may go on after a key that is not listed', async () => {
    const page = { objects: [], next: 'a/7' };
    expect(await (await listing(() => page)).list({ prefix: 'a/', after: 'a/2', signal })).toEqual(page);
  });

  it('bears names that are no keys in the order of their bytes', async () => {
    const store = await listing(({ objects: [one] }) => {
      const keys = ['a/\uff01', 'a/\u{1f389}'];
      return { objects: keys.map((key) => ({ ...one!, key })), next: null };
    });
    expect((await store.list({ prefix: 'a/', signal })).objects).toHaveLength(2);
  });
});

describe('what a checked store gives and takes', () => {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let turn = 0; turn < 3; turn += 1) yield Buffer.alloc(100);
  }
  const keeping = (sizeBytes: number, read: (body: AsyncIterable<Uint8Array>) => Promise<unknown>) =>
    storeWith(() => ({
      put: async ({ body }) => {
        await read(body);
        return { sizeBytes, version: null, storedAtMs: null };
      },
    }));

  it('refuses a put of which it kept another size, declared or not', async () => {
    const store = await keeping(100, (body) => collect(body, 1000));
    const [said, known] = [/has 100 bytes, not 300/, { sizeBytes: 300 }];
    await expect(store.put({ key: 'a', body: chunks(), signal })).rejects.toMatchObject(unsound(said));
    await expect(store.put({ key: 'a', body: chunks(), ...known, signal })).rejects.toMatchObject(
      unsound(said),
    );
  });

  it('refuses a put that ended before its body', async () => {
    const store = await keeping(100, async (body) => {
      for await (const _ of body) return;
    });
    await expect(store.put({ key: 'a', body: chunks(), signal })).rejects.toMatchObject(
      unsound(/to its end/),
    );
  });

  it.each([2, 4])('fails a range of which it gives %i of 3 bytes', async (given) => {
    const store = await storeWith(() => ({ get: () => bytesOf(Buffer.alloc(given)) }));
    const range = { offset: 0, length: 3 };
    await expect(collect(store.get({ key: 'a/1', range, signal }), 10)).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
    });
  });

  it('refuses a head that tells of another object', async () => {
    const store = await storeWith((sound) => ({ head: () => sound.head({ key: 'a/1', signal }) }));
    await expect(store.head({ key: 'b/1', signal })).rejects.toMatchObject(unsound(/asked for b\/1/));
  });
});

describe('a stream without end', () => {
  it('is left where it is longer than its object', async () => {
    let pieces = 0;
    const endless = (async function* () {
      for (;;) {
        pieces += 1;
        yield Buffer.alloc(100);
      }
    })();

    await expect(collect(atMost(endless, 250, 'data/x'), 1e6)).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
      message: 'object data/x has more than 250 bytes',
    });
    expect(pieces).toBe(3);
  });
});
