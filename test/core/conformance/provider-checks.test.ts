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
