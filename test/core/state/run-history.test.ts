import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { forgetRuns, pastRuns, rememberRun, runLogPath } from '../../../src/core/state/run-history.ts';
import { beginRun } from '../../../src/core/state/run-records.ts';

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

describe('runs of one second', () => {
  it('come newest first by their records, whatever their ids', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'holdfast-history-'));
    const run = { addin: 'nightly', level: 'full', scheduled: true, ...counts } as const;
    const add = (id: string, startedAtMs: number, endedAtMs: number) =>
      rememberRun(dir, { ...run, id: id.repeat(12), startedAtMs, endedAtMs });
    await add('c', nowMs, nowMs + 400);
    await add('a', nowMs + 500, nowMs + 600);
    await add('b', nowMs, nowMs + 300);
    const last = await pastRuns(dir, { limit: 2, nowMs: nowMs + hour });
    rmSync(dir, { recursive: true });

    expect(last.map(({ id }) => id[0]).join('')).toBe('ac');
  });
});

describe('what is forgotten', () => {
  const day = 24 * hour;
  const other = join(stateDir, 'other');
  const log = async (atMs: number, id: number): Promise<string> => {
    const path = await runLogPath(other, atMs, id.toString(16).padStart(12, '0'));
    writeFileSync(path, '');
    return path;
  };
  const left = (): number => readdirSync(join(other, 'run-history')).length;
  beforeEach(() => mkdirSync(other));
  afterEach(() => rmSync(other, { recursive: true }));

  it('is what is old, and nothing for a single run by a clock that is ahead', async () => {
    for (let i = 0; i < 10; i += 1) await log(nowMs - i * day, i);
    const ancient = await log(nowMs - 100 * day, 100);
    await forgetRuns(other, 90, nowMs);
    await log(nowMs + 365 * day, 365);
    await forgetRuns(other, 90, nowMs + 366 * day);

    expect(existsSync(ancient)).toBe(false);
    expect(left()).toBe(11);
  });

  it('of too many is what a clock has dated ahead, then the oldest, but for a run under way', async () => {
    for (let i = 0; i < 999; i += 1) await log(nowMs + (365 + i) * day, i);
    const [old, young] = [await log(nowMs - 2 * hour, 2000), await log(nowMs, 2001)];
    await forgetRuns(other, 90, nowMs);
    const few = [left(), existsSync(old), existsSync(young)];
    for (let i = 0; i < 1000; i += 1) await log(nowMs - hour + i, 3000 + i);
    const run = {
      id: (2000).toString(16).padStart(12, '0'),
      addin: 'nightly',
      startedAtMs: nowMs - 2 * hour,
    };
    await beginRun(other, { ...run, accounts: 1 });
    await forgetRuns(other, 90, nowMs);

    expect(few).toEqual([1000, true, true]);
    expect([left(), existsSync(old), existsSync(young)]).toEqual([1001, true, true]);
  });
});
