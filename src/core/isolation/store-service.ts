/** The methods of a store, as its process answers them. */

import type { GetRequest, ListRequest, PutRequest, RemoveRequest, Store } from '../contracts/store.ts';
import type { Methods } from './addin-service.ts';
import { isStream } from './serve.ts';
import { fileHandlers } from './store-of-files.ts';

export const storeFacts = (store: Store) => ({
  name: store.name,
  capabilities: store.capabilities,
  extendsLocks: store.extendLock !== undefined,
});

export function storeHandlers(store: Store): Methods {
  return {
    ...fileHandlers(store),
    put: (params, { signal, body }) => store.put({ ...(params as unknown as PutRequest), signal, body }),
    get: (params, { signal }) => {
      const bytes: unknown = store.get({ ...(params as unknown as GetRequest), signal });
      if (isStream(bytes)) return bytes;
      throw new Error('get gives no async iterable of bytes');
    },
    head: (params, { signal }) => store.head({ key: params['key'] as string, signal }),
    list: (params, { signal }) => store.list({ ...(params as unknown as ListRequest), signal }),
    remove: (params, { signal }) => store.remove({ ...(params as unknown as RemoveRequest), signal }),
    extendLock: async (params, { signal }) => {
      const { key, lockedAtMs } = params as { key: string; lockedAtMs: number | null };
      await store.extendLock?.({ key, lockedAtMs, signal });
    },
    close: () => store.close(),
  };
}
