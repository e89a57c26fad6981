/** Folders of trials that killed runs left in a store: named by a dry run, removed by `--apply`. */

import { keyClasses, probePrefixOf } from '../../key-classes.ts';
import { removeStaleTrials } from '../verify-store/stale-trials.ts';
import type { RepairRequest } from './types.ts';

/** Best effort: without the right to list or remove, nothing happens. */
export async function clearLeftovers(request: RepairRequest): Promise<string[]> {
  const { store, server, apply, signal, world } = request;
  const found: string[] = [];
  for (const kind of keyClasses) {
    const parent = probePrefixOf(kind, server, '').slice(0, -1);
    const options = { parent, nowMs: world.now(), signal };
    const stale = await removeStaleTrials(store, options, apply ? null : async () => {});
    found.push(...stale.map((name) => parent + name));
  }
  return found;
}
