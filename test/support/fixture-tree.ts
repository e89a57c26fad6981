/**
 * Builds a tree with every kind of entry and attribute a Linux file system can carry.
 *
 * The building is done by `fixture_tree.py`, so that the fixture does not depend on the code it tests.
 */

import { mkdir } from 'node:fs/promises';
import { runPython } from './run-python.ts';

export interface FixtureOptions {
  /** Files in the one large directory; 3,000 where nothing is said. */
  readonly files?: number;
}

/**
 * Fills `directory`, which is made where it does not exist and must be empty. Takes about half a second
 * and 50 MB; apparent sizes go up to 1 TiB. Two fixtures on the same kind of file system are equal.
 */
export async function buildFixtureTree(directory: string, options: FixtureOptions = {}): Promise<void> {
  await mkdir(directory, { recursive: true });
  const files = options.files === undefined ? [] : [`--files=${options.files}`];
  await runPython('fixture_tree.py', [directory, ...files]);
}
