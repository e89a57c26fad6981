import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pastRuns, rememberRun } from '../../../src/core/state/run-history.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-history-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

const hour = 3_600_000;
const nowMs = Date.UTC(2026, 4, 1);
const counts = { exitStatus: 0, accounts: 1, snapshots: 1, partial: 0, failed: 0 };

async function remember(id: string, startedAtMs: number): Promise<void> {
  const run = { id: id.repeat(12), addin: 'nightly', level: 'full', scheduled: true } as const;
  await rememberRun(stateDir, { ...run, ...counts, startedAtMs, endedAtMs: startedAtMs });
}

const ids = async (sinceMs?: number): Promise<string> => {
  const since = sinceMs === undefined ? {} : { sinceMs };
  const runs = await pastRuns(stateDir, { ...since, limit: 10, nowMs });
  return runs.map(({ id }) => id[0]).join('');
};

describe('runs of the past', () => {
  beforeAll(async () => {
    await remember('a', nowMs - 2 * hour);
    await remember('b', nowMs - hour);
    await remember('c', nowMs + 48 * hour);
  });

  it('come newest first, those that a wrong clock has dated ahead after all others', async () => {
    expect(await ids()).toBe('bac');
  });

  it('are not since an instant that is past where they are dated ahead', async () => {
    expect(await ids(nowMs - hour)).toBe('b');
    expect(await ids(nowMs + 47 * hour)).toBe('c');
  });
});
