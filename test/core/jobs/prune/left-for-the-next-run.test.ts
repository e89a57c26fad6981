/** What prune leaves for its next run, over synthetic snapshots in memory. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { errorCodes } from '../../../../src/core/errors.ts';
import type { PruneReport } from '../../../../src/core/jobs/prune/types.ts';
import { markRestored } from '../../../../src/core/state/restores.ts';
import { day, hour, putStoreFile, runPrune, start, worldOf } from '../../../support/run-prune.ts';
import { keysIn, ownerUuid, putSnapshot, server } from '../../../support/synthetic-snapshots.ts';

const owner = ownerUuid(1);
let nowMs: number;
let memory: Store;
let snapshots: string[];
let stateDir: string;

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'holdfast-prune-'));
  nowMs = start;
  memory = memoryStore({ now: () => nowMs });
  await putStoreFile(memory);
  snapshots = [];
  for (let sequence = 1; sequence <= 4; sequence++) {
    const { manifest } = await putSnapshot(memory, { owner, sequence, atMs: nowMs });
    snapshots.push(manifest.header.id);
    nowMs += day;
  }
  nowMs += day;
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const world = worldOf(() => nowMs);
const run = (remove = memory.remove): Promise<PruneReport> =>
  runPrune({
    store: { ...memory, remove },
    retention: { keepLast: 2, maxRemoveShare: 1 },
    stateDir,
    world,
  });

const mark = (of: number): Promise<() => Promise<void>> =>
  markRestored(stateDir, 'a'.repeat(12), [
    { id: snapshots[of]!, server, owner, places: [`${server}/${owner}`] },
  ]);
const countOf = async (prefix: string): Promise<number> => (await keysIn(memory, prefix)).length;

describe('an account of a store that removes slowly', () => {
  it('is told of as not finished, and finished by the next run', async () => {
    const slow = await run(async (request) => {
      nowMs += 2 * hour;
      await memory.remove(request);
    });

    expect(slow).toMatchObject({ unfinished: ['site1'], exitStatus: errorCodes.ACCOUNT_LOCKED.exit });
    expect(await countOf('manifests/')).toBe(3);
    expect(await run()).toMatchObject({ unfinished: [], exitStatus: 0 });
    expect(await countOf('manifests/')).toBe(2);
  });
});

describe('a snapshot that a restore reads', () => {
  it('stays with its objects until the restore has ended, and prune says why', async () => {
    const end = await mark(0);
    const report = await run();

    expect(report.snapshots.map(({ keep, reasons }) => [keep, reasons[0]])).toEqual([
      [true, 'a restore reads it'],
      [false, 'no rule keeps it'],
      [true, expect.any(String)],
      [true, expect.any(String)],
    ]);
    expect([await countOf('manifests/'), await countOf('data/')]).toEqual([3, 3]);
    await end();
    await run();
    expect([await countOf('manifests/'), await countOf('data/')]).toEqual([2, 2]);
  });

  it('goes where the process of the restore is gone, and the mark with it', async () => {
    await mark(0);
    const path = join(stateDir, 'restores', `${'a'.repeat(12)}.json`);
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), processStart: '1' }));
    await run();

    expect(await countOf('manifests/')).toBe(2);
    expect(readdirSync(join(stateDir, 'restores'))).toEqual([]);
  });

  it('keeps its objects where the restore began while its manifest went, also in later runs', async () => {
    let end = async (): Promise<void> => {};
    const report = await run(async (request) => {
      if (request.key.startsWith('manifests/')) end = await mark(0);
      await memory.remove(request);
    });

    expect(report).toMatchObject({ locked: ['site1'], exitStatus: errorCodes.ACCOUNT_LOCKED.exit });
    expect(await countOf('data/')).toBe(4);
    // No manifest tells the next run of the snapshot.
    expect(await run()).toMatchObject({ locked: ['site1'] });
    expect([await countOf('manifests/'), await countOf('data/')]).toEqual([2, 4]);
    await end();
    expect(await run()).toMatchObject({ locked: [], exitStatus: 0 });
    expect(await countOf('data/')).toBe(2);
  });
});
