/**
 * Backups and restores to a bucket over a bad line: each run ends correct, or failed with a status that says so and
 * with a bucket in which whatever is listed is whole, as rclone reads it.
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { errorCodes } from '../../../src/core/errors.ts';
import { compareTrees } from '../../support/compare-trees.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts';
import type { Fault, Rule } from '../../support/faults.ts';
import { type S3Server, startS3 } from '../../support/s3.ts';
import { labSettings, openS3Lab, type S3Lab } from '../../support/s3-lab.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { newBucket } from './bench-of-store.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-engine-faults-'));
const tree = join(directory, 'tree');
let server: S3Server;
let proxy: FaultProxy;
let lab: S3Lab;

/** 20 MB that nothing compresses: several parts. */
beforeAll(async () => {
  for (let i = 0; i < 200; i++) {
    mkdirSync(join(tree, `${i % 10}`), { recursive: true });
    writeFileSync(join(tree, `${i % 10}`, `${i}`), randomBytes(100_000));
  }
  server = await startS3();
  proxy = await startFaultProxy(server.endpoint);
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  proxy.clear();
  const bucket = await newBucket(server);
  const settings = { endpoint: proxy.endpoint, timeoutSeconds: 0.7, maxAttempts: 6 };
  lab = await openS3Lab(server, join(directory, bucket), { ...labSettings(server, bucket), ...settings });
  return () => lab.close();
});

/** All that can end well, and among them what a client can only guess. */
const faults: readonly Fault[] = [
  { kind: 'answer', status: 500, code: 'InternalError' },
  { kind: 'answer', status: 502 },
  { kind: 'answer', status: 503, code: 'SlowDown' },
  { kind: 'answer', status: 429, code: 'TooManyRequests' },
  { kind: 'drop', when: 'before' },
  { kind: 'drop', when: 'after' },
  { kind: 'stall' },
  { kind: 'error-in-success' },
  { kind: 'error-in-success', forward: true },
  { kind: 'corrupt' },
  { kind: 'cut', bytes: 100 },
];

/** Fewer than a store tries: where few requests are under way, most of the faults would hit the same one. */
const spares = 4;

/** So many of the first requests go wrong at most, at random. */
function mix(seed: number, count: number, within: number, of = faults): Rule[] {
  const random = seededRandom(seed);
  const upTo = (limit: number) => Math.floor(random() * limit);
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(upTo(within));
  // The last first: a rule does not count the requests that one before it in the list has spoilt.
  const places = [...chosen].sort((a, b) => b - a);
  return places.map((after) => ({ after, spares, fault: of[upTo(of.length)]! }));
}

/** Whether all came back; else the status says that it did not. */
async function restoreAll(name: string): Promise<number> {
  const target = join(directory, name);
  const { exitStatus, failures } = await lab
    .restore(target)
    .catch((error: { code: keyof typeof errorCodes }) => ({
      exitStatus: errorCodes[error.code].exit,
      failures: ['all'],
    }));
  const { differences } = await compareTrees(tree, join(target, 'shadow')).catch(() => ({
    differences: ['all'],
  }));
  if (exitStatus === 0) expect({ differences, failures }).toEqual({ differences: [], failures: [] });
  else expect(failures).not.toEqual([]);
  rmSync(target, { recursive: true, force: true });
  return exitStatus;
}

describe('a mix of faults', () => {
  it.each([1, 2, 3])('during backups and restores, seed %i: each ends correct', async (seed) => {
    proxy.play(...mix(seed, 14, 24));
    const { outcomes, exitStatus } = await lab.run({ shadow: tree });

    expect({ error: outcomes[0]?.error, exitStatus }).toEqual({ error: null, exitStatus: 0 });
    proxy.clear();
    proxy.play(...mix(seed + 100, 6, 12));
    expect(await restoreAll(`mix-${seed}`)).toBe(0);
    expect(await lab.fetchCopy()).toEqual([]);
  });

  it('that cuts answers and tells the short length: a range is asked for again, a manifest cannot be told', async () => {
    await lab.backUp({ shadow: tree });
    const fault = { kind: 'shorten', bytes: 1000 } as const;
    proxy.play({ on: 'GetObject', key: /data/, times: 2, fault });
    expect(await restoreAll('range')).toBe(0);
    proxy.play({ on: 'GetObject', key: /manifests/, fault });

    expect(await restoreAll('manifest')).toBe(errorCodes.OBJECT_DAMAGED.exit);
    expect(await restoreAll('whole')).toBe(0);
  });

  it.each([
    ['UploadPart', { kind: 'answer', status: 503, code: 'SlowDown' }],
    ['CompleteMultipartUpload', { kind: 'drop', when: 'before' }],
    ['PutObject', { kind: 'error-in-success' }],
    ['ListObjectsV2', { kind: 'answer', status: 500, code: 'InternalError' }],
  ] as const)('that never ends, on %s: the run fails, and the next one succeeds', async (on, fault) => {
    await lab.backUp({ shadow: tree });
    proxy.play({ on, fault, times: Number.POSITIVE_INFINITY });
    const status = await lab.run({ shadow: tree }).then(
      ({ exitStatus }) => exitStatus,
      (error: { code: keyof typeof errorCodes }) => errorCodes[error.code].exit,
    );
    proxy.clear();

    expect(status).toBe(errorCodes.STORE_UNAVAILABLE.exit);
    expect((await lab.backUp({ shadow: tree })).snapshot.header.sequence).toBe(2);
    expect((await lab.verify(false)).exitStatus).toBe(0);
    expect(await lab.fetchCopy()).toEqual([]);
  });
});

describe('a service that is taken away in the middle of a backup', () => {
  /** Resolves when the first part has gone through. */
  async function inTheMiddle(): Promise<void> {
    while (proxy.count('UploadPart') === 0) await sleep(2);
  }

  it('and comes back costs nothing but time', async () => {
    proxy.latencyMs = 30;
    const run = lab.run({ shadow: tree });
    await inTheMiddle();
    await server.down();
    await server.up();
    proxy.latencyMs = 0;

    expect((await run).exitStatus).toBe(0);
    expect(await restoreAll('back')).toBe(0);
    expect(await lab.fetchCopy()).toEqual([]);
  });

  it('and stays away makes the run fail; nothing is listed, and the next run succeeds', async () => {
    proxy.latencyMs = 30;
    const run = lab.run({ shadow: tree }).then(
      ({ exitStatus }) => exitStatus,
      (error: { code: keyof typeof errorCodes }) => errorCodes[error.code].exit,
    );
    await inTheMiddle();
    await server.down();
    expect(await run).toBe(errorCodes.STORE_UNAVAILABLE.exit);
    proxy.latencyMs = 0;
    await server.up();

    expect((await lab.backUp({ shadow: tree })).snapshot.header.sequence).toBe(1);
    expect(await restoreAll('again')).toBe(0);
    expect(await lab.fetchCopy()).toEqual([]);
  });
});
