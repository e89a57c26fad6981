/** Counts what a verification reads. */

import type { Provider } from '../contracts/provider.ts';
import { type KeyedProvider, withKeys } from '../encryption/keyed-provider.ts';

/** @param read hears of every piece that the store gave */
export function countingReads(provider: KeyedProvider, read: (bytes: number) => void): KeyedProvider {
  const { keys, local, siteOf } = provider;
  const counting: Provider = {
    name: provider.name,
    capabilities: provider.capabilities,
    plan: (request) => provider.plan(request),
    put: (request) => provider.put(request),
    async *get(request) {
      for await (const piece of provider.get(request)) {
        read(piece.length);
        yield piece;
      }
    },
  };
  return withKeys(counting, {
    ...(keys === undefined ? {} : { keys }),
    ...(local === undefined ? {} : { local }),
    ...(siteOf === undefined ? {} : { siteOf }),
  });
}
