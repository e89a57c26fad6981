/** A run of the past, for documents. */

import type { PastRun } from '../../core/state/run-history.ts';

export function describePastRun({ addin: _, startedAtMs, endedAtMs, ...run }: PastRun) {
  return {
    ...run,
    startedAt: new Date(startedAtMs).toISOString(),
    endedAt: new Date(endedAtMs).toISOString(),
  };
}
