/** Whether others than root, and whoever runs Holdfast, could change or exchange what root is about to obey. */

import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Changeable {
  /** The path itself, or a directory on the way to it. */
  readonly at: string;
  /** Completes a sentence that begins with the path. */
  readonly why: string;
}

/**
 * The first of what is there, of what a link leads to, and of all directories above both that others could change.
 *
 * @param path absolute
 * @throws a system error where nothing is there
 */
export function findChangeable(path: string): Changeable | null {
  const real = realpathSync(path);
  const own = whyChangeable(real);
  if (own !== null) return { at: real, why: own };
  for (const from of new Set([path, real])) {
    for (let at = dirname(from); ; at = dirname(at)) {
      const why = whyChangeable(at);
      if (why !== null) return { at, why };
      if (at === dirname(at)) break;
    }
  }
  return null;
}

/** Why others could change what is there, or null; @throws a system error where nothing is. */
export function whyChangeable(path: string): string | null {
  const stats = statSync(path);
  if (stats.uid !== 0 && stats.uid !== process.getuid?.())
    return `belongs to uid ${stats.uid}, who could change it`;
  // In a directory such as /tmp nobody can exchange what belongs to somebody else.
  const sticky = stats.isDirectory() && (stats.mode & 0o1000) !== 0;
  return sticky || (stats.mode & 0o022) === 0 ? null : 'can be changed by its group or by everybody';
}
