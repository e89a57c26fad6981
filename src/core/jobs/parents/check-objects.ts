/**
 * Whether the store still has the objects that a new snapshot would refer to: what their indexes say comes from the cache,
 * and of contents that seem unchanged nothing is read, so that nothing else would tell.
 *
 * That every byte of them is right is for `verify` to find out.
 */

import type { ObjectRef } from '../../archive/manifest.ts';
import type { ListPage, ObjectInfo, Store } from '../../contracts/store.ts';
import { HoldfastError } from '../../errors.ts';
import type { Snapshot } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';

const asksAtOnce = 8;
/** Of one directory; more are listed, a thousand in a request, with whatever else lies there. */
const mostAsked = 64;

/** @throws OBJECT_MISSING, OBJECT_DAMAGED one is gone, or has another size */
export async function checkObjects(store: Store, { header }: Snapshot, signal: AbortSignal): Promise<void> {
  const all = [...header.objects, ...header.references];
  const groups = Map.groupBy(all, ({ key }) => key.slice(0, key.lastIndexOf('/') + 1));
  const asked: ObjectRef[] = [];
  for (const [prefix, objects] of groups) {
    if (objects.length <= mostAsked) asked.push(...objects);
    else await checkListed(store, { prefix, signal }, objects);
  }
  await eachLimited(asked, asksAtOnce, async (object) => {
    requireSame(object, await store.head({ key: object.key, signal }));
  });
}

async function checkListed(
  store: Store,
  where: { readonly prefix: string; readonly signal: AbortSignal },
  objects: readonly ObjectRef[],
): Promise<void> {
  const wanted = new Map(objects.map((object) => [object.key, object]));
  let after: string | undefined;
  do {
    const page: ListPage = await store.list({ ...where, ...(after === undefined ? {} : { after }) });
    for (const info of page.objects) {
      const object = wanted.get(info.key);
      if (object !== undefined) requireSame(object, info);
      wanted.delete(info.key);
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
  for (const object of wanted.values()) requireSame(object, null);
}

function requireSame({ kind, key, size }: ObjectRef, info: ObjectInfo | null): void {
  if (info === null) throw new HoldfastError('OBJECT_MISSING', `${kind} ${key} is missing`);
  if (info.sizeBytes === size) return;
  throw new HoldfastError('OBJECT_DAMAGED', `${kind} ${key} has ${info.sizeBytes} bytes, not ${size}`);
}
