/**
 * Which unchanged files are read again in a run.
 */

import type { CaptureParent } from './messages.ts';

/** A share of the unchanged files, another one in each run, so that all have their turn. */
export function isDue(path: string, { rereadEvery, turn }: CaptureParent): boolean {
  let sum = 0;
  for (let i = 0; i < path.length; i++) sum = (Math.imul(sum, 31) + path.charCodeAt(i)) >>> 0;
  return sum % rereadEvery === turn % rereadEvery;
}
