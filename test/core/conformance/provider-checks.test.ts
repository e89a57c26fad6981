import { AssertionError } from 'node:assert';
import { describe, expect, it } from 'vitest';
import { memoryStore, providerChecks } from '../../../src/core/conformance/index.ts';
import { HoldfastError, isHoldfastError, type Provider, type Store } from '../../../src/core/index.ts';
import { failureOf, runProviderCheck } from '../../support/run-checks.ts';

/** The smallest sound provider, with some of its methods replaced by wrong ones. */
function plain(store: Store, change: (sound: Provider) => Partial<Provider> = () => ({})): Provider {
  const sound: Provider = {
    name: 'plain',
    capabilities: { levels: ['full'] },
    plan: async ({ requested }) => {
      if (requested === 'full' || requested === 'auto')
        return { level: 'full', parents: [], reason: 'always' };
      throw new HoldfastError('CONFIG_INVALID', `plain cannot write a ${requested} snapshot`);
    },
    put: ({ kind: _, ...request }) => store.put(request),
    get: (request) => store.get(request),
  };
  return { ...sound, ...change(sound) };
}

/** Keeps what it has put, and looks there first. */
function caching(store: Store): Provider {
  const cache = memoryStore();
  return plain(store, () => ({
    put: async ({ kind: _, ...request }) => {
      const bytes = Buffer.concat(await Array.fromAsync(request.body, (chunk) => Buffer.from(chunk)));
      const body = async function* () {
        yield bytes;
      };
      const result = await store.put({ ...request, body: body() });
      await cache.put({ key: request.key, body: body(), signal: request.signal });
      return result;
    },
    get: async function* (request) {
      const cached = await cache.head(request);
      yield* (cached === null ? store : cache).get(request);
    },
  }));
}

interface Defect {
  readonly defect: string;
  readonly provider: (store: Store) => Provider;
  readonly check: string;
}

const defects: readonly Defect[] = [
  {
    defect: 'plans a full where a level it lacks was asked for',
    provider: (store) =>
      plain(store, () => ({ plan: async () => ({ level: 'full', parents: [], reason: 'always' }) })),
    check: 'refuses a level it does not claim with CONFIG_INVALID',
  },
  {
    defect: 'plans an incremental without a history',
    provider: (store) =>
      plain(store, () => ({
        capabilities: { levels: ['full', 'incremental'] },
        plan: async () => ({ level: 'incremental', parents: ['000000000000'], reason: 'always' }),
      })),
    check: 'plans a full without parents where there is no history',
  },
  {
    defect: 'names parents that nobody knows',
    provider: (store) =>
      plain(store, () => ({
        capabilities: { levels: ['full', 'incremental'] },
        plan: async () => ({ level: 'incremental', parents: ['ffffffffffff'], reason: 'always' }),
      })),
    check: 'plans only levels it claims, on parents that are in the history',
  },
  {
    defect: 'writes while it plans',
    provider: (store) =>
      plain(store, (sound) => ({
        plan: async (request) => {
          await store
            .put({ key: 'state', body: store.get({ ...request, key: 'state' }), signal: request.signal })
            .catch(() => {});
          return sound.plan(request);
        },
      })),
    check: 'plans the same twice and writes nothing meanwhile',
  },
  {
    defect: 'chooses keys of its own',
    provider: (store) =>
      plain(store, () => ({
        put: ({ kind, key, ...request }) => store.put({ ...request, key: `${key}.${kind}` }),
        get: ({ key, ...request }) => store.get({ ...request, key: `${key}.segment` }),
      })),
    check: 'puts an object of every kind under exactly its key',
  },
  {
    defect: 'ignores ranges',
    provider: (store) => plain(store, () => ({ get: ({ range: _, ...request }) => store.get(request) })),
    check: 'gives back what it took, whole and by ranges',
  },
  {
    defect: 'drops createOnly',
    provider: (store) =>
      plain(store, () => ({ put: ({ kind: _, createOnly: __, ...request }) => store.put(request) })),
    check: 'refuses to create an object twice and keeps the first',
  },
  {
    defect: 'hides that the store failed',
    provider: (store) =>
      plain(store, (sound) => ({
        put: (request) => sound.put(request).catch(() => ({ sizeBytes: 0, version: null, storedAtMs: null })),
      })),
    check: 'rejects a put when the store does, and shows nothing of the object',
  },
  {
    defect: 'marks an object before it has it',
    provider: (store) =>
      plain(store, (sound) => ({
        put: async (request) => {
          const body = (async function* () {})();
          await store.put({ key: `${request.key}.begun`, body, signal: request.signal });
          return sound.put(request);
        },
      })),
    check: 'rejects a put whose body breaks, and shows nothing of the object',
  },
  {
    defect: 'ends short where the store breaks',
    provider: (store) =>
      plain(store, () => ({
        get: async function* (request) {
          try {
            yield* store.get(request);
          } catch (error) {
            if (!isHoldfastError(error) || error.code !== 'STORE_UNAVAILABLE') throw error;
          }
        },
      })),
    check: 'rejects a get that breaks in the store instead of ending short',
  },
  {
    defect: 'does not hand on the signal',
    provider: (store) =>
      plain(store, () => ({
        put: ({ kind: _, ...request }) => store.put({ ...request, signal: new AbortController().signal }),
      })),
    check: 'stops an interrupted put with INTERRUPTED',
  },
  {
    defect: 'says that it has put before it has',
    provider: (store) =>
      plain(store, () => ({
        put: async ({ kind: _, ...request }) => {
          const bytes = Buffer.concat(await Array.fromAsync(request.body));
          const body = (async function* () {
            yield bytes;
          })();
          store.put({ ...request, body }).catch(() => {});
          return { sizeBytes: bytes.length, version: null, storedAtMs: null };
        },
      })),
    check:
      'survives a crash at every call it makes to the store: what resolved is whole, nothing is half there',
  },
  {
    defect: 'removes the old object before it has the new one',
    provider: (store) =>
      plain(store, (sound) => ({
        put: async (request) => {
          await store.put({
            key: `${request.key}.lock`,
            body: (async function* () {})(),
            createOnly: true,
            signal: request.signal,
          });
          const result = await sound.put(request);
          await store.remove({ key: `${request.key}.lock`, signal: request.signal });
          return result;
        },
      })),
    check:
      'survives a crash at every call it makes to the store: what resolved is whole, nothing is half there',
  },
  {
    defect: 'stays broken after one failure',
    provider: (store) => {
      let broken: unknown = null;
      return plain(store, (sound) => ({
        put: async (request) => {
          if (broken !== null) throw broken;
          return sound.put(request).catch((error: unknown) => {
            broken = error;
            throw error;
          });
        },
      }));
    },
    check: 'goes on after a crash as if nothing had been: the next backup is whole',
  },
  {
    defect: 'gives zeros for what it cannot read',
    provider: (store) =>
      plain(store, () => ({
        get: async function* (request) {
          try {
            yield* store.get(request);
          } catch (error) {
            if (!isHoldfastError(error) || error.code !== 'STORE_UNAVAILABLE') throw error;
            yield new Uint8Array(10);
          }
        },
      })),
    check: 'reads right or not at all, whichever call of the store fails',
  },
  {
    defect: 'answers from a cache, whatever became of the object',
    provider: caching,
    check: 'hides no damage: an object with a flipped bit is given as it is, or refused',
  },
  {
    defect: 'pads what has become too short',
    provider: (store) => {
      const sizes = new Map<string, number>();
      return plain(store, (sound) => ({
        put: async (request) => {
          const result = await sound.put(request);
          sizes.set(request.key, result.sizeBytes);
          return result;
        },
        get: async function* (request) {
          const chunks = await Array.fromAsync(store.get({ key: request.key, signal: request.signal }));
          const { offset, length } = request.range ?? { offset: 0, length: sizes.get(request.key) ?? 0 };
          yield Buffer.concat([Buffer.concat(chunks).subarray(offset), Buffer.alloc(length)]).subarray(
            0,
            length,
          );
        },
      }));
    },
    check: 'hides no damage: an object with a lost end is given as it is, or refused',
  },
  {
    defect: 'remembers objects that were removed',
    provider: caching,
    check: 'forgets what was removed from the store, and puts it once more',
  },
  {
    defect: 'keeps small objects to itself',
    provider: (store) => {
      const own = memoryStore();
      return plain(store, () => ({
        put: ({ kind: _, ...request }) => own.put(request),
        get: (request) => own.get(request),
      }));
    },
    check: 'keeps nothing to itself: another one over the same store reads all of it',
  },
  {
    defect: 'has one buffer for all puts',
    provider: (store) => {
      let buffer: Buffer[] = [];
      return plain(store, () => ({
        put: async ({ kind: _, ...request }) => {
          buffer = [];
          for await (const chunk of request.body) {
            await new Promise(setImmediate);
            buffer.push(Buffer.from(chunk));
          }
          const bytes = Buffer.concat(buffer);
          const body = (async function* () {
            yield bytes;
          })();
          return store.put({ ...request, body });
        },
      }));
    },
    check: 'puts and reads many objects at once',
  },
];

const definitionOf = (provider: (store: Store) => Provider) => ({
  open: async ({ store }: { readonly store: Store }) => provider(store),
});

describe('providerChecks', () => {
  describe('pass on a plain provider: it', () => {
    it.each(providerChecks)('$name', (check) => runProviderCheck(check, definitionOf(plain), memoryStore()));
  });

  describe('catch a provider that', () => {
    it.each(defects)('$defect', async ({ provider, check: name }) => {
      const check = providerChecks.find((one) => one.name === name);
      expect(check, `there is no check "${name}"`).toBeDefined();

      const failure = await failureOf(runProviderCheck(check!, definitionOf(provider), memoryStore()));

      expect(failure instanceof AssertionError || isHoldfastError(failure), String(failure)).toBe(true);
    });
  });
});
