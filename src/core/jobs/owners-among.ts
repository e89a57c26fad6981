/** Which of some accounts a server has snapshots of, told from keys: what a listing would tell, and often at less. */

import { parseManifestKey } from '../archive/keys.ts';
import type { Store } from '../contracts/store.ts';

/**
 * Those of `owners` with a manifest under `server`, in the order of their UUIDs.
 *
 * Asks for the first of them that the last answer did not reach, so that there are no more requests than pages
 * of a listing, nor than owners.
 */
export async function ownersAmong(
  store: Store,
  server: string,
  owners: Iterable<string>,
  signal: AbortSignal,
): Promise<string[]> {
  const prefix = `manifests/${server}/`;
  const found = new Set<string>();
  let wanted = [...new Set(owners)].sort();
  while (wanted.length > 0) {
    const { objects, next } = await store.list({ prefix, after: `${prefix}${wanted[0]}/`, signal });
    const there = new Set(objects.map(({ key }) => parseManifestKey(key)?.owner));
    for (const owner of wanted) if (there.has(owner)) found.add(owner);
    if (next === null) break;
    const reached = next.slice(prefix.length);
    wanted = wanted.filter((owner) => !found.has(owner) && `${owner}/` > reached);
  }
  return [...found];
}
