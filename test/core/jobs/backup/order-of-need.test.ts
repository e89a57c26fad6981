import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { manifestKey } from '../../../../src/core/archive/keys.ts';
import type { BackUpRun } from '../../../../src/core/jobs/backup/back-up.ts';
import { inOrderOfNeed } from '../../../../src/core/jobs/backup/order-of-need.ts';
import { rememberNewestFindings } from '../../../../src/core/state/newest-findings.ts';
import { ownerUuid, server } from '../../../support/synthetic-snapshots.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-order-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

const addinId = 'a'.repeat(32);
const hour = 3_600_000;
const run = (putOnly: boolean) =>
  ({
    stateDir,
    world: { now: () => 9 * hour },
    addin: { id: addinId, store: { capabilities: { putOnly } } },
    accounts: ['1', '2', '3', '4'].map((site) => ({ site })),
    state: { knownAccountId: async ({ site }: { site: string }) => ownerUuid(Number(site)) },
  }) as unknown as BackUpRun;
const sites = async (putOnly: boolean, lastGood: ReadonlyMap<string, number>): Promise<string> =>
  (await inOrderOfNeed(run(putOnly), lastGood)).map(({ site }) => site).join(' ');

const written = (owner: string, atMs: number, state: 'complete' | 'partial') => {
  const key = manifestKey({
    ...{ server, owner, sequence: 1, atMs, level: 'full', state },
    ...{ id: '0123456789ab', revision: 0 },
  });
  const complete = state === 'complete' ? { completeKey: key } : {};
  return { id: '0123456789ab', key, ...complete, findings: [] };
};

describe('the account whose last good snapshot is oldest', () => {
  it('comes first, one that has none before it', async () => {
    const lastGood = new Map([
      [ownerUuid(1), 3 * hour],
      [ownerUuid(2), hour],
      [ownerUuid(4), 2 * hour],
    ]);

    expect(await sites(false, lastGood)).toBe('3 2 4 1');
  });

  it('comes before one that only a clock that was wrong has seen', async () => {
    const newest = new Map([
      [ownerUuid(1), written(ownerUuid(1), 2 * hour, 'complete')],
      [ownerUuid(2), written(ownerUuid(2), hour, 'complete')],
      [ownerUuid(3), written(ownerUuid(3), 11 * hour, 'complete')],
      [ownerUuid(4), written(ownerUuid(4), 3 * hour, 'complete')],
    ]);
    await rememberNewestFindings(stateDir, addinId, newest);

    expect(await sites(true, new Map())).toBe('3 2 1 4');
  });

  it('comes first also where the store cannot be listed: the state knows', async () => {
    const newest = new Map([
      [ownerUuid(1), written(ownerUuid(1), 3 * hour, 'complete')],
      [ownerUuid(2), written(ownerUuid(2), 5 * hour, 'partial')],
      [ownerUuid(3), written(ownerUuid(3), 2 * hour, 'complete')],
      [ownerUuid(4), written(ownerUuid(4), hour, 'complete')],
    ]);
    await rememberNewestFindings(stateDir, addinId, newest);

    expect(await sites(true, new Map())).toBe('2 4 3 1');
  });
});

describe('of accounts that one run backed up', () => {
  /** For each account when, and for how many minutes, which run backed it up. */
  const done = async (...accounts: readonly (readonly [string, number, number])[]) => {
    const newest = accounts.map(([run, atMs, minutes], i) => {
      const owner = ownerUuid(i + 1);
      return [owner, { ...written(owner, atMs, 'complete'), run, durationMs: minutes * 60_000 }] as const;
    });
    await rememberNewestFindings(stateDir, addinId, new Map(newest));
    return new Map(accounts.map(([, atMs], i) => [ownerUuid(i + 1), atMs]));
  };

  const night = [
    ['a', hour, 30],
    ['a', 2 * hour, 300],
    ['a', 3 * hour, 90],
    ['a', 4 * hour, 60],
  ] as const;

  it('that which took longest comes first, however far apart they were begun', async () => {
    const lastGood = await done(...night);

    expect(await sites(false, lastGood)).toBe('2 3 4 1');
    expect(await sites(true, new Map())).toBe('2 3 4 1');
  });

  it('none comes before one that it did not get to', async () => {
    const lastGood = await done(
      ['b', 2 * hour, 90],
      ['b', 2 * hour + 1000, 95],
      ['a', 2 * hour - 1000, 1],
      ['a', hour, 2],
    );

    expect(await sites(false, lastGood)).toBe('4 3 2 1');
  });

  it('one of which a later run made a partial snapshot counts by its last good one', async () => {
    await done(...night);
    const partial = { ...written(ownerUuid(1), 8 * hour, 'partial'), run: 'b', durationMs: 9 };
    await rememberNewestFindings(stateDir, addinId, new Map([[ownerUuid(1), partial]]));

    expect(await sites(true, new Map())).toBe('1 2 3 4');
  });

  it('all are there where the state cannot be read', async () => {
    const lastGood = await done(...night);
    rmSync(join(stateDir, 'newest'), { recursive: true });
    mkdirSync(join(stateDir, 'newest', `${addinId}.json`), { recursive: true });

    expect(await sites(false, lastGood)).toBe('1 2 3 4');
    expect(await sites(true, new Map())).toBe('1 2 3 4');
  });
});
