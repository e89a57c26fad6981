/**
 * What an earlier run could not clear, because it was killed: trial objects more than a day old.
 *
 * The age is that of the name, `<UTC>-<hex>`, which only a run of ours gives; younger ones may belong to a
 * run that is under way.
 */

import { sweep } from '../../conformance/index.ts';
import type { Store } from '../../contracts/store.ts';
import { isHoldfastError } from '../../errors.ts';

const lifetimeMs = 24 * 60 * 60 * 1000;
const namePattern = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[0-9a-f]+\/$/;

/** Best effort: without the right to list or remove, nothing happens. Resolves with what was removed. */
export async function removeStaleTrials(
  store: Store,
  {
    parent,
    nowMs,
    signal,
  }: { readonly parent: string; readonly nowMs: number; readonly signal: AbortSignal },
  purge: ((prefix: string, signal: AbortSignal) => Promise<void>) | null,
): Promise<readonly string[]> {
  try {
    const stale = (await foldersBelow(store, parent, signal)).filter(
      (name) => startedAtMs(name) < nowMs - lifetimeMs,
    );
    for (const name of stale) {
      await (purge === null ? sweep(store, parent + name, signal) : purge(parent + name, signal));
    }
    return stale;
  } catch (error) {
    if (isHoldfastError(error) && error.code === 'STORE_DENIED') return [];
    throw error;
  }
}

/** One request for each: the next listing begins after all keys of a folder. */
async function foldersBelow(store: Store, parent: string, signal: AbortSignal): Promise<string[]> {
  const folders: string[] = [];
  let after = parent;
  for (;;) {
    const { objects } = await store.list({ prefix: parent, after, limit: 1, signal });
    const key = objects[0]?.key;
    if (key === undefined) return folders;
    const name = key.slice(parent.length, key.indexOf('/', parent.length) + 1);
    folders.push(name);
    // `0` is the character after the slash.
    after = `${parent}${name.slice(0, -1)}0`;
  }
}

function startedAtMs(name: string): number {
  const [, ...parts] = namePattern.exec(name) ?? [];
  if (parts.length === 0) return Number.POSITIVE_INFINITY;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
