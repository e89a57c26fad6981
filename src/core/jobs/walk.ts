/**
 * Goes through the keys of a store in their order, a page at a time, grouped by server and owner.
 *
 * Memory holds one owner's keys, whatever the size of the store.
 */

import type { ObjectInfo, Store } from '../contracts/store.ts';

export interface KeyGroup {
  readonly server: string;
  readonly owner: string;
  readonly objects: readonly ObjectInfo[];
}

/** Every object below a prefix. */
export async function* walk(store: Store, prefix: string, signal: AbortSignal): AsyncGenerator<ObjectInfo> {
  let after: string | undefined;
  do {
    const page = await store.list({ prefix, ...(after === undefined ? {} : { after }), signal });
    yield* page.objects;
    after = page.next ?? undefined;
  } while (after !== undefined);
}

/** Keys of the form `<class>/<server>/<owner>/…`, grouped; a group comes once it is complete. */
export async function* walkOwners(
  store: Store,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<KeyGroup> {
  let group: { server: string; owner: string; objects: ObjectInfo[] } | null = null;
  for await (const object of walk(store, prefix, signal)) {
    const [, server = '', owner = ''] = object.key.split('/', 3);
    if (group === null || group.server !== server || group.owner !== owner) {
      if (group !== null) yield group;
      group = { server, owner, objects: [] };
    }
    group.objects.push(object);
  }
  if (group !== null) yield group;
}
