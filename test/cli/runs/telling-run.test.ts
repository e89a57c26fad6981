/** Which run of the past tells how a configuration fares. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { failureText, tellingRun } from '../../../src/cli/runs/telling-run.ts';
import { errorCodes } from '../../../src/core/errors.ts';
import { type PastRun, rememberRun } from '../../../src/core/state/run-history.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-runs-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

const hour = 3_600_000;
const start = Date.UTC(2026, 10, 21, 3);
const counts = { snapshots: 4, partial: 0, failed: 0 };
let runs = 0;

async function ran(more: Partial<PastRun>): Promise<void> {
  const startedAtMs = start + ++runs * hour;
  const id = String(runs).padStart(12, '0');
  const times = { startedAtMs, endedAtMs: startedAtMs + 1 };
  const run = {
    id,
    addin: 'nightly',
    level: 'auto',
    scheduled: false,
    ...times,
    exitStatus: 0,
    accounts: 4,
  } as const;
  await rememberRun(stateDir, { ...run, ...counts, ...more });
}

it('is the last of the schedule, until one by hand over most accounts has gone well', async () => {
  const told = async (): Promise<string | null> => {
    const nowMs = start + (runs + 3) * hour;
    return failureText(await tellingRun(stateDir, 'nightly', { accounts: 4, nowMs }), nowMs);
  };
  expect(await told()).toBeNull();
  await ran({ scheduled: true, exitStatus: errorCodes.COPY_FAILED.exit });
  expect(await told()).toBe(
    'the last scheduled run of nightly 3 h ago ended with exit status 27 (COPY_FAILED): 4 snapshots, 0 of them partial, 0 failed',
  );
  await ran({ accounts: 1 });
  await ran({ accounts: 0, exitStatus: errorCodes.STORE_UNAVAILABLE.exit });
  await ran({ addin: 'weekly', scheduled: true });
  expect(await told()).toContain('(COPY_FAILED)');
  await ran({ accounts: 3, exitStatus: errorCodes.FINISHED_WITH_WARNINGS.exit });
  expect(await told()).toBeNull();
});
