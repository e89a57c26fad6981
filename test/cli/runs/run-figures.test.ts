import { describe, expect, it } from 'vitest';
import { RunTotals } from '../../../src/cli/runs/run-figures.ts';
import type { AccountOutcome } from '../../../src/core/jobs/backup/back-up.ts';

const outcome = {
  account: { site: 'anna', domain: null },
  snapshot: {
    header: { state: 'complete' },
    body: {
      counts: { bytes: 1000 },
      warningCounts: { changed: 2 },
      components: [
        { type: 'tree', name: 'home', state: 'complete', bytes: 1000 },
        { type: 'database', name: 'shop', state: 'complete', plainBytes: 700 },
      ],
    },
  },
} as unknown as AccountOutcome;

describe('the figures of a run', () => {
  it('count the bytes of files and of databases, as the run prints them', () => {
    const totals = new RunTotals();
    totals.add(outcome);
    totals.add(outcome);

    expect(totals.figures(3)).toMatchObject({ accounts: 3, snapshots: 2, warnings: 4, bytes: 3400 });
  });
});
