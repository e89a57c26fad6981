/**
 * Walks the store in the byte order of whole keys, holding a few directories' names per level.
 *
 * Whole keys do not sort as names do: `a.b` comes before `a/b`, because a full stop is less than a
 * slash. So names are compared with the slash that follows a directory's.
 */

import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { keyProblem } from '../../core/index.ts';
import { isAbsent } from './read-object.ts';

export interface KeyWalk {
  readonly root: string;
  readonly prefix: string;
  /** Only keys after this one; empty for all. */
  readonly after: string;
}

/** So that walking thousands of small directories does not wait for each of them. */
const directoriesAhead = 4;

/** Yields keys of regular files, ascending. Links and what no key can name are passed over. */
export async function* walkKeys(walk: KeyWalk): AsyncGenerator<string> {
  // Below the last slash of the prefix lies everything that can match it.
  const directory = walk.prefix.slice(0, walk.prefix.lastIndexOf('/') + 1);
  // Such as `../`: no key begins with it, and the walk must not leave the store.
  if (directory !== '' && keyProblem(directory.slice(0, -1)) !== null) return;
  yield* walkNames(walk, directory, await sortedNames(walk, directory));
}

/** `directory` is empty or ends with a slash; the next few below it are read while this one is walked. */
async function* walkNames(
  walk: KeyWalk,
  directory: string,
  names: readonly string[],
): AsyncGenerator<string> {
  const below = names.filter((name) => name.endsWith('/'));
  const read: Promise<string[]>[] = [];
  const readNext = (): void => {
    const next = below.shift();
    if (next === undefined) return;
    const listed = sortedNames(walk, directory + next);
    listed.catch(() => {}); // whoever takes it sees the error
    read.push(listed);
  };
  for (let i = 0; i < directoriesAhead; i++) readNext();
  for (const name of names) {
    if (!name.endsWith('/')) yield directory + name;
    else {
      yield* walkNames(walk, directory + name, await read.shift()!);
      readNext();
    }
  }
}

async function sortedNames(walk: KeyWalk, directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for (const entry of await readdir(join(walk.root, directory), { withFileTypes: true })) {
      const name = nameOf(entry);
      if (name !== null && canHold(walk, directory + name)) names.push(name);
    }
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
  return names.sort();
}

function nameOf(entry: Dirent): string | null {
  if (keyProblem(entry.name) !== null) return null;
  if (entry.isDirectory()) return `${entry.name}/`;
  return entry.isFile() ? entry.name : null;
}

/** Whether a key, or a directory with its slash, is or holds something that the walk is to yield. */
function canHold({ prefix, after }: KeyWalk, key: string): boolean {
  const isDirectory = key.endsWith('/');
  const matches = key.startsWith(prefix) || (isDirectory && prefix.startsWith(key));
  return matches && (key > after || (isDirectory && after.startsWith(key)));
}
