import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { BackUpRun } from '../../../../src/core/jobs/backup/back-up.ts';
import { RunTally } from '../../../../src/core/jobs/backup/run-tally.ts';
import { readNewestFindings } from '../../../../src/core/state/newest-findings.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-tally-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

it('a run writes what it found every ten minutes, before it ends', async () => {
  const id = 'b'.repeat(32);
  let nowMs = 1_800_000_000_000;
  const run = { stateDir, addin: { id }, world: { now: () => nowMs } } as unknown as BackUpRun;
  const tally = new RunTally();
  tally.newest.set('owner', { id: '0123456789ab', findings: [] });
  const seen: number[] = [];
  for (const afterMs of [0, 599_000, 2000]) {
    nowMs += afterMs;
    await tally.keepMeanwhile(run);
    seen.push((await readNewestFindings(stateDir, id)).size);
  }

  expect(seen).toEqual([0, 0, 1]);
});
