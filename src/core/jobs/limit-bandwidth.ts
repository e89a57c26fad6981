/**
 * A store that takes and gives no more than so many bytes a second, together with the others of its bucket.
 *
 * The bucket holds one second's worth: short bursts pass, and a pause is not made up for. Everything else of
 * the store is as it was.
 */

import { TokenBucket } from 'limiter';
import type { Store } from '../contracts/store.ts';

export function bandwidthLimit(bytesPerSecond: number): (store: Store) => Store {
  const bucket = new TokenBucket({
    bucketSize: bytesPerSecond,
    tokensPerInterval: bytesPerSecond,
    interval: 'second',
  });
  async function* held(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      for (let taken = 0; taken < chunk.length; taken += bytesPerSecond) {
        await bucket.removeTokens(Math.min(bytesPerSecond, chunk.length - taken));
      }
      yield chunk;
    }
  }
  return (store) =>
    new Proxy(store, {
      get(target, name) {
        if (name === 'put') {
          return (request: Parameters<Store['put']>[0]) =>
            target.put({ ...request, body: held(request.body) });
        }
        if (name === 'get') {
          return (request: Parameters<Store['get']>[0]) => held(target.get(request));
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
}
