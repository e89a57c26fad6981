/** Files of the configuration that others than root could change: what they say is not obeyed as root. */

import { join } from 'node:path';
import { type Changeable, findChangeable } from '../changeable.ts';
import { printable } from '../printable.ts';
import type { ConfigProblem } from '../settings/problems.ts';

/**
 * One problem for each file or directory at fault. None where Holdfast does not run as root: there is nothing to be
 * gained then.
 *
 * @param home resolved
 * @param files those of `addins.d`
 */
export function changeableFiles(home: string, files: readonly string[]): ConfigProblem[] {
  if (process.getuid?.() !== 0) return [];
  const paths = [
    home,
    ...['config.json', 'scopes.json', 'addins.d'].map((name) => join(home, name)),
    ...files,
  ];
  const found = new Map<string, Changeable>();
  for (const path of paths) {
    const changeable = changeableAt(path);
    if (changeable !== null && !found.has(changeable.at)) found.set(changeable.at, changeable);
  }
  return [...found.values()].map(({ at, why }) => {
    const shown = printable(at, 4096);
    return {
      file: at,
      pointer: '',
      message: `${why}, and root would do what it says`,
      hint: `Let root own it and nobody else write to it: chown root ${shown}; chmod go-w ${shown}.`,
    };
  });
}

/** None where there is nothing, or where it cannot be read: of that is told where it is needed. */
function changeableAt(path: string): Changeable | null {
  try {
    return findChangeable(path);
  } catch {
    return null;
  }
}
