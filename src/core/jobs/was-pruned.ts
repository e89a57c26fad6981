/**
 * What became of a snapshot that was listed and cannot be read any more, or whose objects are missing: whether prune, on
 * whatever machine, let go of it meanwhile. Then nothing is lost.
 */

import type { Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';
import type { ListedSnapshot } from './list-by-owner.ts';
import { readPruned } from './prune-events.ts';
import { type Trust, trustsNobody } from './trust.ts';

export interface PrunedPlace {
  readonly store: Store;
  readonly provider: Provider;
  /** Whose prune events count; left out, or nobody: everybody's. */
  readonly trust?: Trust | undefined;
  /** As in `readPruned`: what an earlier event names, and did not go then, was not pruned by it. */
  readonly sinceMs?: number;
  readonly signal: AbortSignal;
}

/**
 * To be asked after what is missing was missed: prune writes its event first, then removes manifests, then objects. A
 * manifest that is gone and that no event names was lost.
 *
 * @throws STORE_UNAVAILABLE, STORE_DENIED
 */
export async function wasPruned(
  { store, provider, trust, sinceMs, signal }: PrunedPlace,
  { server, owner, id, key }: Pick<ListedSnapshot, 'server' | 'owner' | 'id' | 'key'>,
): Promise<boolean> {
  if ((await store.head({ key, signal })) !== null) return false;
  const whose = trust === undefined || trustsNobody(trust) ? {} : { trust };
  const since = sinceMs === undefined ? {} : { sinceMs };
  const { removed } = await readPruned({ store, provider, server, owner, signal, ...whose, ...since });
  return removed.some((one) => one.id === id);
}
