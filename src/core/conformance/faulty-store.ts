/**
 * A store that fails on purpose, at calls chosen beforehand, and counts all calls.
 *
 * It fails loudly only: what it lets through is right. Whoever calls must then leave nothing wrong
 * behind. It wraps any store and changes nothing else about it.
 */

import type { PutRequest, Store } from '../contracts/store.ts';
import { HoldfastError } from '../errors.ts';

export type StoreMethod = 'put' | 'get' | 'head' | 'list' | 'remove';

export interface Fault {
  readonly method: StoreMethod;
  /** Which call of the method fails: 1 is the first. */
  readonly call: number;
  /**
   * `before`: the store beneath never hears of it. `midway`: a put or get breaks inside its bytes.
   * `after`: the work is done and the answer is lost. Default `before`; methods without bytes take
   * `midway` as `before`.
   */
  readonly when?: 'before' | 'midway' | 'after';
  /** Default: STORE_UNAVAILABLE. */
  readonly error?: Error;
}

export interface FaultyStore extends Store {
  /** Calls so far, failed ones included. */
  readonly calls: Readonly<Record<StoreMethod, number>>;
}

export function faultyStore(store: Store, faults: readonly Fault[] = []): FaultyStore {
  const calls = { put: 0, get: 0, head: 0, list: 0, remove: 0 };

  /** Counts the call and answers what to do at each point of it. */
  const plan = (method: StoreMethod) => {
    calls[method] += 1;
    const fault = faults.find((one) => one.method === method && one.call === calls[method]);
    const error = fault?.error ?? new HoldfastError('STORE_UNAVAILABLE', `planted failure of ${method}`);
    return (point: NonNullable<Fault['when']>) => {
      if (fault !== undefined && (fault.when ?? 'before') === point) throw error;
    };
  };

  async function around<T>(method: StoreMethod, work: () => Promise<T>): Promise<T> {
    const failAt = plan(method);
    failAt('before');
    failAt('midway');
    const result = await work();
    failAt('after');
    return result;
  }

  return {
    name: store.name,
    capabilities: store.capabilities,
    calls,
    async put(request: PutRequest) {
      const failAt = plan('put');
      failAt('before');
      const result = await store.put({
        ...request,
        body: breakingHalfway(request.body, () => failAt('midway')),
      });
      failAt('after');
      return result;
    },
    async *get(request) {
      const failAt = plan('get');
      failAt('before');
      yield* breakingHalfway(store.get(request), () => failAt('midway'));
      failAt('after');
    },
    head: (request) => around('head', () => store.head(request)),
    list: (request) => around('list', () => store.list(request)),
    remove: (request) => around('remove', () => store.remove(request)),
    ...(store.extendLock === undefined ? {} : { extendLock: (request) => store.extendLock!(request) }),
    close: () => store.close(),
  };
}

/** Calls `midway` after half of the first chunk, or at the end of an empty body. */
async function* breakingHalfway(
  body: AsyncIterable<Uint8Array>,
  midway: () => void,
): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of body) {
    if (!first) {
      yield chunk;
      continue;
    }
    first = false;
    const half = chunk.length >> 1;
    if (half > 0) yield chunk.subarray(0, half);
    midway();
    yield chunk.subarray(half);
  }
  if (first) midway();
}
