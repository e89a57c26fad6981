import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { chainProvider } from '../../../../src/addins/chain/index.ts';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import { memoryStore } from '../../../../src/core/conformance/index.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import type { Provider, Store, StoreCapabilities } from '../../../../src/core/index.ts';
import type { EngineWorld } from '../../../../src/core/jobs/verify-store/engine-bench.ts';
import { type EngineCheck, engineChecks } from '../../../../src/core/jobs/verify-store/engine-checks.ts';
import {
  type CheckResult,
  type VerifyStoreInput,
  verifyStore,
} from '../../../../src/core/jobs/verify-store/verify-store.ts';

const prefix = 'data/server/_verify/trial/';
/** As real ones do, its clock goes on. */
const ticking = (): Store => memoryStore({ now: Date.now });

function inputFor(store: Store, changed: Partial<VerifyStoreInput> = {}): VerifyStoreInput {
  return {
    store,
    reopen: async () => store,
    openProvider: (over) => s3TarProvider.open({ store: over, settings: {} }),
    prefix,
    purge: null,
    leaveObjects: false,
    randomBytes: (length) => randomBytes(length),
    now: Date.now,
    signal: new AbortController().signal,
    onAbilities: () => {},
    onCheck: () => {},
    onLeftBehind: () => {},
    ...changed,
  };
}

/** A store like another, but for what is given. */
const altered = (store: Store, changes: Partial<Store>): Store => ({
  name: store.name,
  capabilities: store.capabilities,
  put: (request) => store.put(request),
  get: (request) => store.get(request),
  head: (request) => store.head(request),
  list: (request) => store.list(request),
  remove: (request) => store.remove(request),
  close: () => store.close(),
  ...changes,
});

const claiming = (store: Store, claims: Partial<StoreCapabilities>): Store =>
  altered(store, { capabilities: { ...store.capabilities, ...claims } });

const keysOf = async (store: Store): Promise<string[]> => {
  const { objects } = await store.list({ prefix: '', signal: new AbortController().signal });
  return objects.map(({ key }) => key);
};

const denied = () => Promise.reject(new HoldfastError('STORE_DENIED', 'planted'));

const named = <T extends { readonly name: string }>(all: readonly T[], name: string): T | undefined =>
  all.find((one) => one.name === name);

describe('verifyStore', () => {
  it('finds a sound store sound, and leaves nothing of what it wrote', async () => {
    const store = ticking();
    const key = 'data/server/owner/there';
    await store.put({ key, body: (async function* () {})(), signal: new AbortController().signal });
    const seen: CheckResult[] = [];
    const report = await verifyStore(inputFor(store, { onCheck: (one) => seen.push(one) }));

    expect(report).toMatchObject({ sound: true, leftBehind: null });
    expect(seen).toEqual(report.checks);
    const others = report.checks.filter(({ state }) => state !== 'ok').map(({ reason }) => reason);
    expect(new Set(others)).toEqual(new Set(['the store does not claim it']));
    expect(others.length).toBe(4);
    expect(named(report.abilities, 'create-only')).toMatchObject({ state: 'yes', declared: true });
    expect(await keysOf(store)).toEqual([key]);
  });

  it('fails a store that loses the end of large objects, and still clears it', async () => {
    const sound = ticking();
    const store = altered(sound, {
      async *get(request) {
        let left = 2_000_000;
        for await (const chunk of sound.get(request)) {
          yield chunk.subarray(0, left);
          left -= Math.min(left, chunk.length);
        }
      },
    });
    const report = await verifyStore(inputFor(store));
    const failed = report.checks.filter(({ state }) => state === 'failed');

    expect(report.sound).toBe(false);
    expect(failed.map(({ name }) => name)).toContain(
      'gives back ten mebibytes in odd chunks put with its size unknown',
    );
    expect(failed[0]?.reason).toMatch(/bytes/);
    expect(report.checks.find(({ kind, state }) => kind === 'provider' && state === 'skipped')?.reason).toBe(
      'the store itself has failed',
    );
    expect(await keysOf(sound)).toEqual([]);
  });

  it.each(['ADDIN_FAILED', 'ADDIN_BROKEN', 'STORE_UNSOUND'] as const)(
    'finds a store unsound whose first put ends with %s, and says so',
    async (code) => {
      const put = () => Promise.reject(new HoldfastError(code, 'planted'));
      const report = await verifyStore(inputFor(altered(memoryStore(), { put })));

      expect(report).toMatchObject({ sound: false, abilities: [], leftBehind: null });
      expect(report.checks).toMatchObject([
        { kind: 'store', state: 'failed', reason: expect.stringContaining('planted') },
      ]);
    },
  );

  it('says nothing of a store that cannot be reached', async () => {
    const away = () => Promise.reject(new HoldfastError('STORE_UNAVAILABLE', 'planted'));
    const store = altered(memoryStore(), { put: away, list: away });
    const told: string[] = [];
    const trial = verifyStore(inputFor(store, { onLeftBehind: (reason) => told.push(reason) }));
    await expect(trial).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(told).toEqual([]);
  });

  it('fails claims that do not hold', async () => {
    const store = claiming(ticking(), { versions: true, storageClasses: [], objectLock: true });
    const { sound, abilities } = await verifyStore(inputFor(store, { checkPatienceMs: 5000 }));

    expect(sound).toBe(false);
    expect(named(abilities, 'versions')).toMatchObject({ state: 'no', declared: true, verdict: 'failed' });
  });

  it('fails a claim to create only once where several writers succeed', async () => {
    const sound = ticking();
    const store = altered(sound, { put: ({ createOnly: _, ...request }) => sound.put(request) });
    const { sound: verdict, abilities } = await verifyStore(inputFor(store));

    expect(verdict).toBe(false);
    expect(named(abilities, 'create-only')).toMatchObject({ state: 'no', verdict: 'failed' });
    expect(named(abilities, 'create-only, large objects')).toMatchObject({ state: 'no', verdict: 'note' });
  });

  it('notes what is there without being claimed', async () => {
    const store = claiming(ticking(), { putOnly: true });
    const { sound, abilities, checks } = await verifyStore(inputFor(store));

    expect(sound).toBe(true);
    expect(named(abilities, 'put-only')).toMatchObject({ state: 'no', declared: true, verdict: 'note' });
    expect(checks.filter(({ state }) => state === 'ok').map(({ name }) => name)).toEqual([
      'accepts objects of any size without being able to read them',
    ]);
  });

  it('runs next to nothing where it could not clean up, and says what is left', async () => {
    const sound = ticking();
    const store = altered(sound, { remove: denied });
    const told: string[] = [];
    const report = await verifyStore(inputFor(store, { onLeftBehind: (reason) => told.push(reason) }));

    expect(named(report.abilities, 'removing')).toMatchObject({ state: 'no', verdict: 'note' });
    expect(report.checks.every(({ state }) => state === 'skipped')).toBe(true);
    expect(report.leftBehind).toContain('STORE_DENIED');
    expect(told).toEqual([report.leftBehind]);
    expect((await keysOf(sound)).every((key) => key.startsWith(prefix))).toBe(true);
  });

  it('does not wait for ever for a store that hangs', async () => {
    const sound = ticking();
    const store = altered(sound, {
      head: ({ key, ...call }) =>
        key.includes('/store-') ? new Promise<never>(() => {}) : sound.head({ key, ...call }),
    });
    const report = await verifyStore(inputFor(store, { checkPatienceMs: 50 }));

    expect(report.checks.find(({ state }) => state === 'failed')?.reason).toContain(
      'did not end within 0.05 s',
    );
    expect(await keysOf(sound)).toEqual([]);
  });

  it('clears after an interruption, and only then rejects', async () => {
    const store = memoryStore();
    const stop = new AbortController();
    let checks = 0;
    const onCheck = () => {
      checks += 1;
      if (checks === 5) stop.abort();
    };
    const work = verifyStore(inputFor(store, { signal: stop.signal, onCheck }));

    await expect(work).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(checks).toBe(5);
    expect(await keysOf(store)).toEqual([]);
  });

  it('says by how much the clocks differ', async () => {
    const clockOf = async (storeMs: number) => {
      const store = claiming(memoryStore({ now: () => storeMs }), { putOnly: true });
      return named((await verifyStore(inputFor(store, { now: () => 0 }))).abilities, 'clock');
    };

    expect(await clockOf(900)).toMatchObject({ verdict: 'ok', detail: "the store's clock agrees with ours" });
    expect(await clockOf(30_000)).toMatchObject({
      verdict: 'ok',
      detail: "the store's clock is 30 s ahead of ours",
    });
    expect(await clockOf(-90_000)).toMatchObject({
      verdict: 'note',
      detail: "the store's clock is 90 s behind ours; set the clocks",
    });
  });
});

describe('engineChecks', () => {
  const worldOf = (openProvider: (over: Store) => Promise<Provider>): EngineWorld => ({
    openProvider,
    now: Date.now,
    newObjectId: () => randomBytes(16).toString('hex'),
    newUuid: randomUUID,
    randomBytes: (length) => randomBytes(length),
    signal: new AbortController().signal,
  });
  const s3Tar = (over: Store) => s3TarProvider.open({ store: over, settings: {} });
  const chain = (over: Store) => chainProvider.open({ store: over, settings: {} });

  it.each(engineChecks)('pass on our providers: each $name', async ({ run }) => {
    await run(worldOf(s3Tar));
    await run(worldOf(chain));
  });

  it('catch a provider that flips a bit on the way, and one that shows what is no longer there', async () => {
    const [restores, verifies] = engineChecks as [EngineCheck, EngineCheck];
    const shortened = async (over: Store): Promise<Provider> => {
      const sound = await s3Tar(over);
      return {
        name: sound.name,
        capabilities: sound.capabilities,
        plan: (request) => sound.plan(request),
        get: (request) => sound.get(request),
        put: async ({ kind, ...request }) => {
          const bytes = Buffer.concat(await Array.fromAsync(request.body, (chunk) => Buffer.from(chunk)));
          if (kind === 'segment') bytes[bytes.length >> 1]! ^= 1;
          const body = (async function* () {
            yield bytes;
          })();
          return over.put({ ...request, body });
        },
      };
    };
    const caching = async (over: Store): Promise<Provider> => {
      const sound = await s3Tar(over);
      const cache = memoryStore();
      return {
        name: sound.name,
        capabilities: sound.capabilities,
        plan: (request) => sound.plan(request),
        put: async ({ kind: _, ...request }) => {
          const bytes = Buffer.concat(await Array.fromAsync(request.body, (chunk) => Buffer.from(chunk)));
          const body = async function* () {
            yield bytes;
          };
          await cache.put({ key: request.key, body: body(), signal: request.signal });
          return over.put({ ...request, body: body() });
        },
        get: async function* (request) {
          yield* ((await cache.head(request)) === null ? over : cache).get(request);
        },
      };
    };

    await expect(restores.run(worldOf(shortened))).rejects.toThrow();
    await expect(verifies.run(worldOf(caching))).rejects.toThrow(/verify is content/);
  });
});
