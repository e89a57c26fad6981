/**
 * Names in a directory of a mounted overlay that come from lower layers alone.
 */

import { listDirectory, plainName } from '../../filesystem/directory.ts';
import type { LiveTree } from './live-tree.ts';

/** As latin1, without those that the upper layer has, hides, or that the whole directory hides. */
export function onlyInLowerLayers(tree: LiveTree, relative: Buffer): string[] {
  const merged = tree.write.directory(relative);
  if (merged === null) return [];
  const shown = listDirectory(merged).map(plainName);
  const upper = tree.look.directory(relative);
  const own = new Set(upper === null ? [] : listDirectory(upper).map(plainName));
  return shown.filter((name) => !own.has(name));
}
