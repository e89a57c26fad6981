import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { AccountOutcome, BackUpRun } from '../../../../src/core/jobs/backup/back-up.ts';
import { RunTally } from '../../../../src/core/jobs/backup/run-tally.ts';
import { readNewestFindings } from '../../../../src/core/state/newest-findings.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-tally-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

it('a run writes what it found every ten minutes, before it ends', async () => {
  const id = 'b'.repeat(32);
  let nowMs = 1_800_000_000_000;
  const run = { stateDir, addin: { id }, world: { now: () => nowMs } } as unknown as BackUpRun;
  const tally = new RunTally('0123456789ab');
  tally.newest.set('owner', { id: '0123456789ab', findings: [] });
  const seen: number[] = [];
  for (const afterMs of [0, 599_000, 2000]) {
    nowMs += afterMs;
    await tally.keepMeanwhile(run);
    seen.push((await readNewestFindings(stateDir, id)).size);
  }

  expect(seen).toEqual([0, 0, 1]);
});

it('a run remembers how long each snapshot took, but for one during which the clock went back', () => {
  const tally = new RunTally('0123456789ab');
  const add = (owner: string, committedAt: string): void =>
    tally.add({
      error: null,
      snapshot: {
        key: 'k',
        header: { owner, id: 'b', state: 'complete', startedAt: '2026-11-23T10:00:00.000Z', committedAt },
        body: { warningCounts: {} },
      },
    } as unknown as AccountOutcome);
  add('one', '2026-11-23T10:01:30.500Z');
  add('other', '2026-11-23T09:59:00.000Z');

  const about = { id: 'b', key: 'k', completeKey: 'k', run: '0123456789ab', findings: [] };
  expect(tally.newest.get('one')).toEqual({ ...about, durationMs: 90_500 });
  expect(tally.newest.get('other')).toEqual(about);
});
