/** How much there will be to do for an account, by what its parent snapshot has. */

import type { CaptureParent } from './messages.ts';

/** `everything` is stored, or only what has changed: among `much`, or in an account that has `little`. */
export type ExpectedWork = 'everything' | 'much' | 'little';

/** So many entries take one thread a second and more where nothing has changed: several are worth their start. */
const manyEntries = 150_000;

export function expectedWork(parent: Pick<CaptureParent, 'rows'> | null): ExpectedWork {
  if (parent === null) return 'everything';
  return parent.rows.reduce((sum, { count }) => sum + count, 0) < manyEntries ? 'little' : 'much';
}
