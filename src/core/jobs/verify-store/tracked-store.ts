/**
 * A store that knows which of its writes are still under way, so that cleaning up can wait for them: what
 * a failed check leaves running would otherwise appear after everything was removed.
 */

import type { PutRequest, PutResult, Store } from '../../contracts/store.ts';

export interface TrackedStore extends Store {
  /** Whether any put was done, or has so much as begun to read its body: else there is nothing to clear. */
  readonly mayHold: boolean;
  /** Resolves when no write is under way, or after so many milliseconds. */
  settled(patienceMs: number): Promise<void>;
}

export function trackedStore(store: Store): TrackedStore {
  const underWay = new Set<Promise<unknown>>();
  let mayHold = false;

  async function* noted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    mayHold = true;
    yield* body;
  }

  async function put(request: PutRequest): Promise<PutResult> {
    const result = await store.put({ ...request, body: noted(request.body) });
    mayHold = true;
    return result;
  }

  function tracked<T>(work: Promise<T>): Promise<T> {
    const end: Promise<unknown> = work.catch(() => {}).finally(() => underWay.delete(end));
    underWay.add(end);
    return work;
  }

  return {
    name: store.name,
    get capabilities() {
      return store.capabilities;
    },
    get mayHold() {
      return mayHold;
    },
    put: (request) => tracked(put(request)),
    get: (request) => store.get(request),
    head: (request) => store.head(request),
    list: (request) => store.list(request),
    remove: (request) => tracked(store.remove(request)),
    ...(store.extendLock === undefined
      ? {}
      : { extendLock: (request) => tracked(store.extendLock!(request)) }),
    close: () => store.close(),
    async settled(patienceMs) {
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patienceMs);
      });
      await Promise.race([Promise.all(underWay), patience]);
      clearTimeout(timer);
    },
  };
}
