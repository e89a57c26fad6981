/**
 * Walks the remote in the byte order of whole keys, holding one directory's names per level.
 *
 * Whole keys do not sort as names do: `a.b` comes before `a/b`. So names are compared with the slash that
 * follows a directory's.
 */

import type { ListPage, ListRequest, ObjectInfo } from '../../core/index.ts';
import type { Entry } from './remote.ts';

export type Entries = (directory: string) => Promise<readonly Entry[]>;

interface Walk {
  readonly prefix: string;
  readonly after: string;
}

const defaultLimit = 1000;

/** One page from a walk that begins anew; `rest` goes on where it ended. */
export interface Listing {
  next(): Promise<ObjectInfo | null>;
}

export function beginListing(entries: Entries, { prefix, after = '' }: ListRequest): Listing {
  const directory = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')));
  const objects = walk(entries, directory, { prefix, after });
  return { next: async () => (await objects.next()).value ?? null };
}

/** Takes one object more than it shows, to know whether there is a next page; `held` keeps that one. */
export async function takePage(
  listing: Listing,
  held: ObjectInfo | null,
  limit = defaultLimit,
): Promise<{ page: ListPage; held: ObjectInfo | null }> {
  const objects: ObjectInfo[] = held === null ? [] : [held];
  while (objects.length <= limit) {
    const object = await listing.next();
    if (object === null) return { page: { objects, next: null }, held: null };
    objects.push(object);
  }
  const more = objects.pop()!;
  return { page: { objects, next: objects.at(-1)?.key ?? null }, held: more };
}

async function* walk(entries: Entries, directory: string, of: Walk): AsyncGenerator<ObjectInfo, null> {
  const sorted = (await entries(directory))
    .map((entry) => {
      const key = directory === '' ? entry.name : `${directory}/${entry.name}`;
      return { entry, key, rank: entry.directory ? `${key}/` : key };
    })
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  let last = '';
  for (const { entry, key, rank } of sorted) {
    // Some services keep two files of one name.
    if (rank === last) continue;
    last = rank;
    if (entry.directory) {
      const wanted = rank.startsWith(of.prefix) || of.prefix.startsWith(rank);
      if (wanted && (rank > of.after || of.after.startsWith(rank))) yield* walk(entries, key, of);
    } else if (key.startsWith(of.prefix) && key > of.after) yield objectInfo(key, entry);
  }
  return null;
}

export function objectInfo(key: string, { sizeBytes, modifiedAtMs }: Entry): ObjectInfo {
  return { key, sizeBytes, modifiedAtMs, version: null, storageClass: null, readable: true };
}
