/** How much there will be to do for an account, by what its parent snapshot has: everything, where it has none. */

import type { CaptureParent } from './messages.ts';

export type ExpectedWork = 'much' | 'little';

/** So many entries take one thread a second and more where nothing has changed: several, and fast code, are worth their start. */
const manyEntries = 150_000;

export function expectedWork(parent: Pick<CaptureParent, 'rows'> | null): ExpectedWork {
  if (parent === null) return 'much';
  return parent.rows.reduce((sum, { count }) => sum + count, 0) < manyEntries ? 'little' : 'much';
}
