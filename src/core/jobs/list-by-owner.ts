/**
 * Listings of manifests, one owner at a time, however many there are: memory is that of one owner's snapshots.
 */

import { type ManifestName, parseManifestKey } from '../archive/keys.ts';
import type { Store } from '../contracts/store.ts';

export interface ListedSnapshot extends ManifestName {
  readonly key: string;
}

/**
 * The snapshots of each owner of each server below `manifests/<server>/<owner>/`, as far as given, oldest first.
 * Only the highest revision of a manifest counts.
 */
export async function* listByOwner(
  store: Store,
  where: { readonly server?: string; readonly owner?: string },
  signal: AbortSignal,
): AsyncGenerator<ListedSnapshot[]> {
  const prefix =
    where.server === undefined
      ? 'manifests/'
      : `manifests/${where.server}/${where.owner === undefined ? '' : `${where.owner}/`}`;
  let slot = '';
  let newest = new Map<string, ListedSnapshot>();
  let after: string | undefined;
  do {
    const page = await store.list({ prefix, ...(after === undefined ? {} : { after }), signal });
    for (const { key } of page.objects) {
      const name = parseManifestKey(key);
      if (name === null || (where.owner !== undefined && name.owner !== where.owner)) continue;
      // Stores list in the order of keys, so an owner's come together.
      const next = `${name.server}/${name.owner}`;
      if (next !== slot && newest.size > 0) {
        yield inOrder(newest);
        newest = new Map();
      }
      slot = next;
      const other = newest.get(name.id);
      if (other === undefined || other.revision < name.revision) newest.set(name.id, { ...name, key });
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
  if (newest.size > 0) yield inOrder(newest);
}

const inOrder = (snapshots: ReadonlyMap<string, ListedSnapshot>): ListedSnapshot[] =>
  [...snapshots.values()].sort(
    (a, b) => a.sequence - b.sequence || a.atMs - b.atMs || (a.id < b.id ? -1 : 1),
  );
