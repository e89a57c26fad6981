import { AssertionError } from 'node:assert';
import { describe, expect, it } from 'vitest';
import { memoryStore, storeChecks, sweep } from '../../../src/core/conformance/index.ts';
import {
  HoldfastError,
  isHoldfastError,
  type ListPage,
  type ListRequest,
  type ObjectInfo,
  type PutRequest,
  type PutResult,
  type Store,
} from '../../../src/core/index.ts';
import { checksFor, storeCheckFailure } from '../../support/run-checks.ts';
import { versionedStore } from './versioned-store.ts';

const { signal } = new AbortController();

async function drain(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** A memory store with some of its methods replaced by wrong ones. */
function defective(change: (sound: Store) => Partial<Store>): () => Store {
  return () => {
    const sound = memoryStore({ now: Date.now });
    return { ...sound, ...change(sound) };
  };
}

/** One that is sound wherever it may replace. */
const creating = (put: (sound: Store, request: PutRequest) => Promise<PutResult>): (() => Store) =>
  defective((sound) => ({
    put: (request) => (request.createOnly === true ? put(sound, request) : sound.put(request)),
  }));

interface Defect {
  readonly defect: string;
  readonly store: () => Store;
  /** The check that must catch it. */
  readonly check: string;
  /** Another opening of the same place, where that is not the same. */
  readonly reopen?: () => Store;
}

const listing = (change: (page: ListPage, request: ListRequest) => ListPage): (() => Store) =>
  defective((sound) => ({ list: async (request) => change(await sound.list(request), request) }));

const timed =
  (timeOf: (object: ObjectInfo) => number) =>
  (sound: Store): Partial<Store> => {
    const changed = (object: ObjectInfo): ObjectInfo => ({ ...object, modifiedAtMs: timeOf(object) });
    return {
      head: async (request) => {
        const object = await sound.head(request);
        return object === null ? null : changed(object);
      },
      list: async (request) => {
        const page = await sound.list(request);
        return { ...page, objects: page.objects.map(changed) };
      },
    };
  };

const defects: readonly Defect[] = [
  ...['.age', '.json', '.manifest', '.tmp'].map((end) => ({
    defect: `lists no keys that end in ${end}`,
    store: listing(({ objects, next }) => ({
      objects: objects.filter(({ key }) => !key.endsWith(end)),
      next,
    })),
    check: 'keeps every legal key as it is, however odd or long',
  })),
  {
    defect: 'loses what a page larger than a thousand keys would have had',
    store: listing(({ objects, next }, { limit = 1000 }) =>
      limit > 1000 ? { objects: objects.slice(0, 1000), next: null } : { objects, next },
    ),
    check: 'lists more than a thousand keys, each once',
  },
  {
    defect: 'is off by one in ranges of the second part',
    store: defective((sound) => ({
      get: ({ range, ...request }) => {
        if (range === undefined || range.offset < 5 * 1024 * 1024)
          return sound.get({ ...request, ...(range && { range }) });
        return sound.get({ ...request, range: { ...range, offset: range.offset - 1 } });
      },
    })),
    check:
      'streams tens of mebibytes of unknown length there and back, and gives ranges from anywhere in them',
  },
  {
    defect: 'tells the time of the question',
    store: defective(timed(() => Date.now())),
    check: 'tells the time of the last put, and the same whenever it is asked',
  },
  {
    defect: 'tells the time of the first put',
    store: (() => {
      const first = new Map<string, number>();
      return defective(
        timed(({ key, modifiedAtMs }) => {
          if (!first.has(key)) first.set(key, modifiedAtMs);
          return first.get(key)!;
        }),
      );
    })(),
    check: 'tells the time of the last put, and the same whenever it is asked',
  },
  {
    defect: 'ignores the declared size',
    store: defective((sound) => ({ put: ({ sizeBytes: _, ...request }) => sound.put(request) })),
    check: 'refuses a body shorter than declared and shows nothing of it',
  },
  {
    defect: 'stores the first bytes of a body longer than declared',
    store: defective((sound) => ({
      put: async (request) => {
        const bytes = await drain(request.body);
        const { sizeBytes = bytes.length } = request;
        return sound.put({ ...request, body: once(bytes.subarray(0, sizeBytes)) });
      },
    })),
    check: 'refuses a body longer than declared and shows nothing of it',
  },
  {
    defect: 'keeps what came before a body broke',
    store: defective((sound) => ({
      put: async (request) => {
        const chunks: Uint8Array[] = [];
        try {
          for await (const chunk of request.body) chunks.push(chunk);
        } catch (error) {
          await sound.put({ ...request, body: once(Buffer.concat(chunks)) });
          throw error;
        }
        return sound.put({ ...request, body: once(Buffer.concat(chunks)) });
      },
    })),
    check: 'shows nothing of a put whose body breaks',
  },
  {
    defect: 'removes the old object before it reads the new body',
    store: defective((sound) => ({
      put: async (request) => {
        if (request.createOnly !== true) await sound.remove(request);
        return sound.put(request);
      },
    })),
    check: 'keeps what was there when a body breaks',
  },
  {
    defect: 'shows an object that is not finished',
    store: defective((sound) => ({
      put: async (request) => {
        await sound.put({ ...request, body: nothing() });
        return sound.put(request);
      },
    })),
    check: 'shows an object only when its put has finished',
  },
  {
    defect: 'does not listen to the signal of a put',
    store: defective((sound) => ({ put: (request) => sound.put({ ...request, signal }) })),
    check: 'stops an interrupted put with INTERRUPTED and shows nothing of it',
  },
  {
    defect: 'listens to the signal only between chunks',
    store: defective((sound) => ({
      put: async (request) => {
        const bytes = await drain(request.body);
        return sound.put({ ...request, body: once(bytes) });
      },
    })),
    check: 'stops an interrupted put although its body stalls',
  },
  {
    defect: 'ignores createOnly',
    store: defective((sound) => ({ put: ({ createOnly: _, ...request }) => sound.put(request) })),
    check: 'refuses to create an object twice and keeps the first',
  },
  {
    defect: 'looks first and writes later',
    store: defective((sound) => ({
      put: async ({ createOnly, ...request }) => {
        if (createOnly === true && (await sound.head(request)) !== null) {
          throw new HoldfastError('OBJECT_EXISTS', request.key);
        }
        return sound.put(request);
      },
    })),
    check: 'lets exactly one of eight racing puts create an object',
  },
  {
    defect: 'creates in place, and leaves what came before the body broke',
    store: creating(async (sound, request) => {
      const chunks: Uint8Array[] = [];
      try {
        for await (const chunk of request.body) chunks.push(Buffer.from(chunk));
      } finally {
        await sound.put({ ...request, body: once(Buffer.concat(chunks)) });
      }
      return { sizeBytes: Buffer.concat(chunks).length, version: null, storedAtMs: null };
    }),
    check: 'shows nothing of a put whose body breaks',
  },
  {
    defect: 'creates in place, whatever size was declared',
    store: creating((sound, { sizeBytes: _, ...request }) => sound.put(request)),
    check: 'refuses a body shorter than declared and shows nothing of it',
  },
  {
    defect: 'shows what it has not created yet',
    store: creating(async (sound, request) => {
      if ((await sound.head(request)) !== null) throw new HoldfastError('OBJECT_EXISTS', request.key);
      await sound.put({ ...request, body: nothing() });
      return sound.put({ ...request, createOnly: false });
    }),
    check: 'shows an object only when its put has finished',
  },
  {
    defect: 'does not listen to the signal where it creates',
    store: creating((sound, request) => sound.put({ ...request, signal })),
    check: 'stops an interrupted put with INTERRUPTED and shows nothing of it',
  },
  {
    defect: 'keeps the name of what could not be created',
    store: (() => {
      const taken = new Set<string>();
      return creating(async (sound, request) => {
        if (taken.has(request.key)) throw new HoldfastError('OBJECT_EXISTS', request.key);
        taken.add(request.key);
        return sound.put(request);
      });
    })(),
    check: 'stops an interrupted put although its body stalls',
  },
  {
    defect: 'creates large objects twice',
    store: creating(async (sound, request) => {
      const bytes = await drain(request.body);
      return sound.put({ ...request, body: once(bytes), createOnly: bytes.length < 5 * 1024 * 1024 });
    }),
    check: 'refuses to create an object twice and keeps the first',
  },
  {
    defect: 'replaces an object in two steps',
    store: defective((sound) => ({
      put: async (request) => {
        const bytes = await drain(request.body);
        await sound.put({ ...request, body: once(bytes.subarray(0, 1000)) });
        await new Promise(setImmediate);
        return sound.put({ ...request, body: once(bytes) });
      },
    })),
    check: 'replaces an object so that a reader sees all of the old or all of the new',
  },
  {
    defect: 'takes the end of a range for inclusive',
    store: defective((sound) => ({
      get: ({ range, ...request }) =>
        sound.get(range ? { ...request, range: { ...range, length: range.length - 1 } } : request),
    })),
    check: 'gives ranges from the start, the middle and the last byte',
  },
  {
    defect: 'cuts a range at the end of the object',
    store: defective((sound) => ({
      get: async function* ({ range, ...request }) {
        const bytes = await drain(sound.get(request));
        yield range === undefined ? bytes : bytes.subarray(range.offset, range.offset + range.length);
      },
    })),
    check: 'calls a range that ends beyond the object OBJECT_DAMAGED',
  },
  {
    defect: 'gives an absent object as an empty one',
    store: defective((sound) => ({
      get: async function* (request) {
        if ((await sound.head(request)) !== null) yield* sound.get(request);
      },
    })),
    check: 'calls an absent key OBJECT_MISSING',
  },
  {
    defect: 'throws at head of an absent key',
    store: defective((sound) => ({
      head: async (request) => {
        const info = await sound.head(request);
        if (info === null) throw new HoldfastError('OBJECT_MISSING', request.key);
        return info;
      },
    })),
    check: 'answers null to head of an absent key',
  },
  {
    defect: 'throws when an absent key is removed',
    store: defective((sound) => ({
      remove: async (request) => {
        if ((await sound.head(request)) === null) throw new HoldfastError('OBJECT_MISSING', request.key);
        return sound.remove(request);
      },
    })),
    check: 'removes an object, and removes it again without complaint',
  },
  {
    defect: 'removes all that begins with the key',
    store: defective((sound) => ({
      remove: ({ key, signal }) => sweep(sound, key, signal),
    })),
    check: 'removes an object, and removes it again without complaint',
  },
  {
    defect: 'ends short when the object goes away',
    store: defective((sound) => ({
      get: async function* (request) {
        for await (const chunk of sound.get(request)) {
          yield chunk;
          if ((await sound.head(request)) === null) return;
        }
      },
    })),
    check: 'never ends short in silence when an object goes while it is read',
  },
  {
    defect: 'lists in the order of a locale',
    store: defective((sound) => ({
      list: async (request) => {
        const page = await sound.list({ ...request, limit: 1_000_000 });
        return { objects: page.objects.toSorted((a, b) => a.key.localeCompare(b.key)), next: null };
      },
    })),
    check: 'lists keys by their bytes, from any prefix, after any key, in pages of any size',
  },
  {
    defect: 'takes a prefix for a directory',
    store: defective((sound) => ({
      list: (request) => sound.list({ ...request, prefix: request.prefix.replace(/\/?$/, '/') }),
    })),
    check: 'lists keys by their bytes, from any prefix, after any key, in pages of any size',
  },
  {
    defect: 'begins a page with the key it should begin after',
    store: defective((sound) => ({
      list: async ({ after, ...request }) => {
        const { objects } = await sound.list({ ...request, limit: 1_000_000 });
        return { objects: objects.filter(({ key }) => key >= (after ?? '')), next: null };
      },
    })),
    check: 'lists keys by their bytes, from any prefix, after any key, in pages of any size',
  },
  {
    defect: 'forgets that there are more pages',
    store: defective((sound) => ({
      list: async (request) => ({ ...(await sound.list(request)), next: null }),
    })),
    check: 'lists more than a thousand keys, each once',
  },
  {
    defect: 'loses the first key of every page but the first',
    store: defective((sound) => ({
      list: async (request) => {
        const page = await sound.list(request);
        return request.after === undefined ? page : { ...page, objects: page.objects.slice(1) };
      },
    })),
    check: 'lists more than a thousand keys, each once',
  },
  {
    defect: 'counts pages instead of remembering keys',
    store: defective((sound) => {
      const pages = new Map<string | undefined, number>();
      return {
        list: async ({ after, limit = 1000, ...request }) => {
          const start = pages.get(after) ?? 0;
          const { objects } = await sound.list({ ...request, limit: 1_000_000 });
          const page = objects.slice(start, start + limit);
          const next = start + limit < objects.length ? (page.at(-1)?.key ?? null) : null;
          if (next !== null) pages.set(next, start + limit);
          return { objects: page, next };
        },
      };
    }),
    check: 'goes on listing after objects it has listed were removed',
  },
  {
    defect: 'answers a listing from an old one',
    store: defective((sound) => {
      const answers = new Map<string, ReturnType<Store['list']>>();
      return {
        list: (request) => {
          const question = JSON.stringify([request.prefix, request.after, request.limit]);
          if (!answers.has(question)) answers.set(question, sound.list(request));
          return answers.get(question)!;
        },
      };
    }),
    check: 'shows a new object to every listing that begins after its put',
  },
  {
    defect: 'decodes percent signs in keys',
    store: defective((sound) => ({
      put: (request) => sound.put({ ...request, key: request.key.replace('%20', '_') }),
      get: (request) => sound.get({ ...request, key: request.key.replace('%20', '_') }),
    })),
    check: 'keeps every legal key as it is, however odd or long',
  },
  {
    defect: 'folds case',
    store: defective((sound) => ({
      put: (request) => sound.put({ ...request, key: request.key.toLowerCase() }),
      get: (request) => sound.get({ ...request, key: request.key.toLowerCase() }),
    })),
    check: 'keeps every legal key as it is, however odd or long',
  },
  {
    defect: 'does not store empty objects',
    store: defective((sound) => ({
      put: async (request) => {
        const bytes = await drain(request.body);
        if (bytes.length === 0) return { sizeBytes: 0, version: null, storedAtMs: null };
        return sound.put({ ...request, body: once(bytes) });
      },
    })),
    check: 'gives back an empty object put with its size unknown',
  },
  {
    defect: 'tells the wrong size',
    store: defective((sound) => ({
      head: async (request) => {
        const info = await sound.head(request);
        return info === null ? null : { ...info, sizeBytes: info.sizeBytes + 1 };
      },
    })),
    check: 'tells the same of an object in head and in list',
  },
  {
    defect: 'loses the last byte of what fills its buffers exactly',
    store: defective((sound) => ({
      put: async (request) => {
        const bytes = await drain(request.body);
        const short = bytes.length > 0 && bytes.length % 5_242_880 === 0 ? bytes.subarray(1) : bytes;
        return { ...(await sound.put({ ...request, body: once(short) })), sizeBytes: bytes.length };
      },
    })),
    check: 'gives back objects of the sizes at which buffers and parts end',
  },
  {
    defect: 'takes an empty chunk for the end',
    store: defective((sound) => ({
      put: ({ body, ...request }) =>
        sound.put({
          ...request,
          body: (async function* () {
            for await (const chunk of body) {
              if (chunk.length === 0) return;
              yield chunk;
            }
          })(),
        }),
    })),
    check: 'takes empty chunks, and views into larger buffers, for what they are',
  },
  {
    defect: 'writes the whole buffer beneath a view',
    store: defective((sound) => ({
      put: ({ body, ...request }) =>
        sound.put({
          ...request,
          body: (async function* () {
            for await (const chunk of body) yield new Uint8Array(chunk.buffer);
          })(),
        }),
    })),
    check: 'takes empty chunks, and views into larger buffers, for what they are',
  },
  {
    defect: 'writes the same part twice in large objects',
    store: defective((sound) => ({
      put: ({ body, ...request }) =>
        sound.put({
          ...request,
          body: (async function* () {
            let [sent, last] = [0, new Uint8Array(0)];
            for await (const chunk of body) {
              const twice: boolean = sent > 10_000_000 && last.length === chunk.length;
              yield twice ? last : chunk;
              sent += chunk.length;
              last = new Uint8Array(chunk);
            }
          })(),
        }),
    })),
    check:
      'streams tens of mebibytes of unknown length there and back, and gives ranges from anywhere in them',
  },
  {
    defect: 'gives from a cache what was replaced',
    store: defective((sound) => {
      const cache = new Map<string, Buffer>();
      return {
        get: async function* (request) {
          const cached = request.range === undefined ? cache.get(request.key) : undefined;
          if (cached !== undefined) return yield cached;
          const bytes = await drain(sound.get(request));
          if (request.range === undefined) cache.set(request.key, bytes);
          yield bytes;
        },
      };
    }),
    check: 'gives the new bytes, size and range as soon as a put has replaced the old ones',
  },
  {
    defect: 'tells from a cache what was removed',
    store: defective((sound) => {
      const heads = new Map<string, ReturnType<Store['head']>>();
      return {
        put: async (request) => {
          const result = await sound.put(request);
          heads.set(request.key, sound.head(request));
          return result;
        },
        head: (request) => heads.get(request.key) ?? sound.head(request),
      };
    }),
    check: 'forgets a removed object at once, in every answer',
  },
  {
    defect: 'tells when an object was stored by a clock in another zone',
    store: defective((sound) => {
      const late = 2 * 3_600_000;
      return {
        head: async (request) => {
          const info = await sound.head(request);
          return info && { ...info, modifiedAtMs: info.modifiedAtMs - late };
        },
        list: async (request) => {
          const page = await sound.list(request);
          const objects = page.objects.map((one) => ({ ...one, modifiedAtMs: one.modifiedAtMs - late }));
          return { ...page, objects };
        },
      };
    }),
    check: 'tells when an object was stored',
  },
  (() => {
    const place = memoryStore({ now: Date.now });
    return {
      defect: 'keeps small objects to itself for later',
      store: () => {
        const held = memoryStore({ now: Date.now });
        return {
          ...place,
          put: async (request) => {
            const bytes = await drain(request.body);
            return (bytes.length > 1000 ? place : held).put({ ...request, body: once(bytes) });
          },
        };
      },
      reopen: () => place,
      check: 'shows to another opening of the same place what was put, replaced and removed',
    } satisfies Defect;
  })(),
  {
    defect: 'shares a buffer between puts',
    store: defective((sound) => {
      let buffer: Buffer[] = [];
      return {
        put: async (request) => {
          buffer = [];
          for await (const chunk of request.body) {
            await new Promise(setImmediate);
            buffer.push(Buffer.from(chunk));
          }
          return sound.put({ ...request, body: once(Buffer.concat(buffer)) });
        },
      };
    }),
    check: 'stays right while objects are put, read, listed and removed all at once',
  },
  {
    defect: 'has one position for all readers of an object',
    store: defective((sound) => {
      let position = 0;
      return {
        get: async function* ({ range, ...request }) {
          const bytes = await drain(sound.get(request));
          position = range?.offset ?? 0;
          await new Promise(setImmediate);
          yield bytes.subarray(position, position + (range?.length ?? bytes.length));
        },
      };
    }),
    check: 'gives many readers of one object each the bytes they asked for',
  },
  {
    defect: 'pages by a count',
    store: defective((sound) => {
      const pages = new Map<string | undefined, number>();
      return {
        list: async ({ after, limit = 1000, ...request }) => {
          const start = pages.get(after) ?? 0;
          const { objects } = await sound.list({ ...request, limit: 1_000_000 });
          const page = objects.slice(start, start + limit);
          const next = start + limit < objects.length ? (page.at(-1)?.key ?? null) : null;
          if (next !== null) pages.set(next, start + limit);
          return { objects: page, next };
        },
      };
    }),
    check: 'lists what stays exactly once while other objects come and go',
  },
  {
    defect: 'removes although it was told to stop',
    store: defective((sound) => ({ remove: ({ key }) => sound.remove({ key, signal }) })),
    check: 'answers INTERRUPTED to head, list, get and remove once the signal has fired, and removes nothing',
  },
  {
    defect: 'gives the newest bytes, whatever version is asked for',
    store: () => {
      const sound = versionedStore();
      return { ...sound, get: ({ version: _, ...request }) => sound.get(request) };
    },
    check: 'keeps each version that was overwritten, and removes exactly the one it is told to',
  },
  {
    defect: 'brings an older version to light by a removal',
    store: () => {
      const sound = versionedStore();
      return {
        ...sound,
        remove: async (request) => {
          const head = await sound.head(request);
          return sound.remove({ version: head?.version ?? '', ...request });
        },
      };
    },
    check: 'lets no old version come to light when an object is removed',
  },
  {
    defect: 'does not show the hidden, and does not say so',
    store: () => {
      const sound = versionedStore();
      return { ...sound, list: ({ hidden: _, ...request }) => sound.list(request) };
    },
    check: 'lists what is left of a removed object to whoever asks for hidden ones, or refuses to say',
  },
];

describe('storeChecks', () => {
  describe('pass on the reference store: it', () => {
    for (const check of checksFor(memoryStore({ now: Date.now }))) {
      it(check.name, async () => {
        expect(await storeCheckFailure(check, memoryStore({ now: Date.now }))).toBeNull();
      });
    }
  });

  describe('pass on a store that keeps versions: it', () => {
    const checks = storeChecks.filter(
      ({ when }) => when?.(memoryStore({ now: Date.now }).capabilities) === false,
    );
    it.each(checks)('$name', async (check) => {
      expect(await storeCheckFailure(check, versionedStore())).toBeNull();
    });
  });

  it('have names that are sentences and unique', () => {
    const names = storeChecks.map((check) => check.name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z][^.]+$/.test(name))).toEqual([]);
  });

  describe('catch a store that', () => {
    it.each(defects)('$defect', async ({ store, check: name, reopen }) => {
      const check = storeChecks.find((one) => one.name === name);
      expect(check, `there is no check "${name}"`).toBeDefined();

      const failure = await storeCheckFailure(check!, store(), reopen && (async () => reopen()));

      expect(failure instanceof AssertionError || isHoldfastError(failure), String(failure)).toBe(true);
    });
  });

  it('do not ask a write-only store to read', async () => {
    const store = memoryStore({ now: Date.now });
    const subject: Store = {
      ...store,
      capabilities: { ...store.capabilities, putOnly: true },
      get: () => {
        throw new HoldfastError('STORE_DENIED', 'planted');
      },
      list: () => Promise.reject(new HoldfastError('STORE_DENIED', 'planted')),
    };
    for (const check of storeChecks) expect(await storeCheckFailure(check, subject)).toBeNull();
  });
});

describe('clearing what checks left', () => {
  it('removes nothing of a store that ignores the prefix', async () => {
    const sound = memoryStore({ now: Date.now });
    const keys = ['checks/x/1', 'data/backup', 'manifests/1'];
    for (const key of keys) await sound.put({ key, body: once(Buffer.from(key)), signal });
    const ignoring: Store = { ...sound, list: (request) => sound.list({ ...request, prefix: '' }) };

    await expect(sweep(ignoring, 'checks/x/', signal)).rejects.toMatchObject({
      code: 'STORE_UNSOUND',
      message: expect.stringContaining('"data/backup"'),
    });
    expect((await sound.list({ prefix: '', signal })).objects.map(({ key }) => key)).toEqual(keys);
  });
});
