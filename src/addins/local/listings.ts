/**
 * Pages of a listing. A walk that is not at its end is kept, so that the next page goes on where this
 * one stopped instead of reading every directory again.
 *
 * Only a page that follows on such a walk uses it. A listing that begins anew always reads anew, and so
 * sees every object whose put finished before. What is put behind a walk's back may be missing in it.
 */

import { lstatSync, type Stats } from 'node:fs';
import type { ListPage, ListRequest, ObjectInfo } from '../../core/index.ts';
import { throwIfInterrupted } from '../../core/index.ts';
import { pathOf } from './layout.ts';
import { walkKeys } from './list-keys.ts';
import { isAbsent } from './read-object.ts';
import { system } from './system-error.ts';

const mostPerPage = 1000;
const mostKept = 8;
const longestTurnMs = 10;

interface KeptWalk {
  readonly keys: Generator<string>;
  /** Already taken from the walk to know that there is more. */
  readonly first: string;
}

export class Listings {
  readonly #root: string;
  readonly #kept = new Map<string, KeptWalk>();

  constructor(root: string) {
    this.#root = root;
  }

  async page({ prefix, after = '', limit = mostPerPage, signal }: ListRequest): Promise<ListPage> {
    throwIfInterrupted(signal, `list of ${prefix}`);
    const { walk, keys } = this.#take(prefix, after);
    const wanted = Math.min(limit, mostPerPage);
    const more = await system(`cannot list ${prefix}`, fill(keys, walk, wanted, signal));
    const next = more === null ? null : keys.at(-1)!;
    if (more !== null && next !== null) this.#keep(prefix, next, { keys: walk, first: more });
    return { objects: await system(`cannot list ${prefix}`, this.#infos(keys)), next };
  }

  close(): void {
    this.#kept.clear();
  }

  async #infos(keys: readonly string[]): Promise<ObjectInfo[]> {
    const turns = new Turns();
    const infos: ObjectInfo[] = [];
    for (const key of keys) {
      if (turns.over) await turns.next();
      // The walk yields legal keys only.
      const stat = lstatSync(`${this.#root}/${key}`, { throwIfNoEntry: false });
      // None, or another: removed or exchanged between the walk and now.
      if (stat?.isFile()) infos.push(infoOf(key, stat));
    }
    return infos;
  }

  #take(prefix: string, after: string): { walk: Generator<string>; keys: string[] } {
    const name = `${prefix}\0${after}`;
    const kept = this.#kept.get(name);
    if (kept === undefined) return { walk: walkKeys({ root: this.#root, prefix, after }), keys: [] };
    this.#kept.delete(name);
    return { walk: kept.keys, keys: [kept.first] };
  }

  #keep(prefix: string, next: string, walk: KeptWalk): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= mostKept && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(`${prefix}\0${next}`, walk);
  }
}

/** Lets others have their turn now and then, between steps that are not asynchronous. */
class Turns {
  #sinceMs = performance.now();

  get over(): boolean {
    return performance.now() - this.#sinceMs > longestTurnMs;
  }

  async next(): Promise<void> {
    await new Promise(setImmediate);
    this.#sinceMs = performance.now();
  }
}

/** Fills `keys` up to `wanted`; gives the key after them, or null at the end. */
async function fill(
  keys: string[],
  walk: Generator<string>,
  wanted: number,
  signal: AbortSignal,
): Promise<string | null> {
  const turns = new Turns();
  for (;;) {
    if (turns.over) {
      await turns.next();
      throwIfInterrupted(signal, 'a listing');
    }
    const step = walk.next();
    if (step.done === true) return null;
    if (keys.length === wanted) return step.value;
    keys.push(step.value);
  }
}

const infoOf = (key: string, { size, mtimeMs }: Stats): ObjectInfo => ({
  key,
  sizeBytes: size,
  modifiedAtMs: Math.floor(mtimeMs),
  version: null,
  storageClass: null,
  readable: true,
});

/** Null where there is no regular file of that name. Synchronous as the listing is: backups ask for each object they refer to. */
export async function objectInfo(root: string, key: string): Promise<ObjectInfo | null> {
  try {
    const stat = lstatSync(pathOf(root, key), { throwIfNoEntry: false });
    return stat?.isFile() === true ? infoOf(key, stat) : null;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}
