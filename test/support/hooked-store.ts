/** A store around which a test does something else at a chosen moment. */

import type { Store } from '../../src/core/contracts/store.ts';

export interface StoreHooks {
  readonly beforePut?: (key: string) => void | Promise<void>;
  readonly afterPut?: (key: string) => void | Promise<void>;
  readonly beforeGet?: (key: string) => void;
  readonly beforeHead?: (key: string) => void | Promise<void>;
  readonly beforeRemove?: (key: string) => void | Promise<void>;
}

export const hookedStore = (store: Store, hooks: StoreHooks): Store => ({
  name: store.name,
  capabilities: store.capabilities,
  async put(request) {
    await hooks.beforePut?.(request.key);
    const result = await store.put(request);
    await hooks.afterPut?.(request.key);
    return result;
  },
  get(request) {
    hooks.beforeGet?.(request.key);
    return store.get(request);
  },
  async head(request) {
    await hooks.beforeHead?.(request.key);
    return store.head(request);
  },
  list: (request) => store.list(request),
  async remove(request) {
    await hooks.beforeRemove?.(request.key);
    return store.remove(request);
  },
  close: () => store.close(),
});
