/**
 * Whether what a copied snapshot refers to is safe from a prune of the copy that is at work on another machine.
 *
 * Prune removes manifests first, looks at all that are there then, and removes objects after that. So what another manifest
 * names that is there after ours was put stays: that look came before the put and found the other one, or comes later and finds
 * ours. What was there when the copy was planned says nothing, nor does a revision that lies elsewhere.
 */

import type { ObjectRef } from '../../archive/manifest.ts';
import { listSnapshots, readAnySnapshot } from '../catalog.ts';
import type { CopyPath, FoundManifest } from './copy-one.ts';

/** Whatever keeps it from being known is a no. Asks the copy only where there is something to ask for. */
export async function areNamedByParents(
  { target, signal }: Pick<CopyPath, 'target' | 'signal'>,
  { header, listed: { server, owner } }: Pick<FoundManifest, 'header' | 'listed'>,
  objects: readonly ObjectRef[],
): Promise<boolean> {
  const unnamed = new Set(objects.map(({ key }) => key));
  if (unnamed.size === 0) return true;
  // An object of its own no parent names.
  if (header.parents.length === 0 || header.objects.some(({ key }) => unnamed.has(key))) return false;
  try {
    const there = await listSnapshots(target.store, { server, owner }, signal);
    const parents = there.filter(({ id }) => header.parents.includes(id));
    for (const listed of parents.flatMap((one) => [one, ...(one.earlier ?? [])])) {
      const named = (await readAnySnapshot(target.provider, listed, signal)).header;
      for (const { key } of [...named.objects, ...named.references]) unnamed.delete(key);
      if (unnamed.size === 0) return true;
    }
    return false;
  } catch {
    return false;
  }
}
