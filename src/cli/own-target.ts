/** Keeps what is written for people out of the directories that are ours. */

import { join } from 'node:path';
import { HoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import type { Loaded } from './configuration.ts';
import { whereExposed } from './key-place.ts';
import { ownDirectories } from './own-directories.ts';

/** @throws USAGE the directory is in a store, where whatever is no object of ours stands in the way, or in the state */
export async function refuseOwnTarget(
  directory: string,
  loaded: Pick<Loaded, 'configuration' | 'definitions'>,
): Promise<void> {
  const where = await whereExposed(join(directory, 'file'), ownDirectories(loaded), []);
  if (where === null) return;
  throw new HoldfastError('USAGE', `files do not belong there: ${quoted(directory, 4096)} lies ${where}`, {
    hint: 'Name a directory outside of stores and of the state.',
  });
}
