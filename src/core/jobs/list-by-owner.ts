/**
 * Listings of manifests, one owner at a time, however many there are: memory is that of one owner's snapshots.
 */

import { type ManifestName, parseManifestKey } from '../archive/keys.ts';
import type { Store } from '../contracts/store.ts';

export interface ListedSnapshot extends ManifestName {
  readonly key: string;
  /** Its lower revisions that are still there, the highest first; left out where there are none. */
  readonly earlier?: readonly ListedSnapshot[];
}

/**
 * The snapshots of each owner of each server below `manifests/<server>/<owner>/`, as far as given, oldest first.
 * Of a manifest the highest revision counts; the others stand behind it.
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
      // Revisions differ in nothing of the name but state and number: what else is called so is another's.
      const one = `${name.id} ${name.sequence} ${name.atMs} ${name.level}`;
      newest.set(one, joined(newest.get(one), { ...name, key }));
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
  if (newest.size > 0) yield inOrder(newest);
}

function joined(known: ListedSnapshot | undefined, one: ListedSnapshot): ListedSnapshot {
  if (known === undefined) return one;
  const { earlier: others = [], ...bare } = known;
  const [highest, ...earlier] = [one, bare, ...others].sort(byRevision);
  return { ...highest!, earlier };
}

/** The highest first; of two of one number, which only a race can make, the partial one, whose key is the greater. */
const byRevision = (a: ListedSnapshot, b: ListedSnapshot): number =>
  b.revision - a.revision || (a.key < b.key ? 1 : -1);

const inOrder = (snapshots: ReadonlyMap<string, ListedSnapshot>): ListedSnapshot[] =>
  [...snapshots.values()].sort(
    (a, b) => a.sequence - b.sequence || a.atMs - b.atMs || (a.id < b.id ? -1 : 1),
  );
