/**
 * Walks the store in the byte order of whole keys, holding one directory's names per level.
 *
 * Whole keys do not sort as names do: `a.b` comes before `a/b`, because a full stop is less than a
 * slash. So names are compared with the slash that follows a directory's.
 *
 * Reads synchronously: a store of ten thousand accounts has as many small directories, and a trip through the
 * thread pool costs many times the read. Whoever walks far lets others have their turn.
 */

import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { keyProblem } from '../../core/index.ts';
import { isAbsent } from './read-object.ts';

export interface KeyWalk {
  readonly root: string;
  readonly prefix: string;
  /** Only keys after this one; empty for all. */
  readonly after: string;
}

/** Yields keys of regular files, ascending. Links and what no key can name are passed over. */
export function* walkKeys(walk: KeyWalk): Generator<string> {
  // Below the last slash of the prefix lies everything that can match it.
  const directory = walk.prefix.slice(0, walk.prefix.lastIndexOf('/') + 1);
  // Such as `../`: no key begins with it, and the walk must not leave the store.
  if (directory !== '' && keyProblem(directory.slice(0, -1)) !== null) return;
  yield* walkDirectory(walk, directory);
}

/** `directory` is empty or ends with a slash. */
function* walkDirectory(walk: KeyWalk, directory: string): Generator<string> {
  for (const name of sortedNames(walk, directory)) {
    if (name.endsWith('/')) yield* walkDirectory(walk, directory + name);
    else yield directory + name;
  }
}

function sortedNames(walk: KeyWalk, directory: string): string[] {
  const names: string[] = [];
  try {
    for (const entry of readdirSync(join(walk.root, directory), { withFileTypes: true })) {
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
