/** Folders of trials that killed runs left in a store: named by a dry run, removed by `--apply`. */

import { isHoldfastError } from '../../errors.ts';
import { keyClasses, probePrefixOf } from '../../key-classes.ts';
import { removeStaleTrials } from '../verify-store/stale-trials.ts';
import { walk } from '../walk.ts';
import type { RepairRequest } from './types.ts';

/** Best effort: without the right to list or remove, nothing happens. */
export async function clearLeftovers(request: RepairRequest): Promise<string[]> {
  const { store, server, apply, signal, world } = request;
  const found: string[] = [];
  for (const kind of keyClasses) {
    const parent = probePrefixOf(kind, server, '').slice(0, -1);
    if (apply) {
      const options = { parent, nowMs: world.now(), signal };
      found.push(...(await removeStaleTrials(store, options, null)).map((name) => parent + name));
      continue;
    }
    const folders = new Set<string>();
    try {
      for await (const { key } of walk(store, parent, signal))
        folders.add(key.slice(0, key.indexOf('/', parent.length) + 1));
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'STORE_DENIED') throw error;
    }
    found.push(...folders);
  }
  return found;
}
