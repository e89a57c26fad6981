/** A job that failed leaves nothing behind in workers, neither in those at work nor in idle ones. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ByteQueue } from '../../../../src/core/jobs/byte-queue.ts';
import { CapturePool } from '../../../../src/core/jobs/capture/pool.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-failed-job-'));
  for (const name of ['small', 'large']) mkdirSync(join(directory, name));
  writeFileSync(join(directory, 'small', 'file'), 'a few bytes');
  // More than a worker may have under way, so that this one waits for the sink.
  for (let i = 0; i < 40; i++) writeFileSync(join(directory, 'large', `${i}`), randomBytes(1_000_000));
  writeFileSync(join(directory, 'parent'), '');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function timesOpen(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;
}

describe('a capture that fails', () => {
  it('has its parent closed by the worker at work and by the idle one', async () => {
    const path = join(directory, 'parent');
    const pool = new CapturePool({ threads: 2, now: Date.now });
    const failing = new AbortController();
    const bodies: ByteQueue[] = [];
    const job = pool.capture(
      {
        trees: ['small', 'large'].map((name) => {
          return { name, path: join(directory, name), device: 0, exclude: [] };
        }),
        parent: { pages: path, rows: [], linkRows: [], rereadEvery: 1000, turn: 1 },
        firstNumber: 0,
        signal: failing.signal,
      },
      {
        segment: (_, body) => bodies.push(body),
        segmentDone: () => {},
        page: () => {},
        reuse: () => {},
        reuseLinks: () => {},
        linkPage: () => {},
        warning: () => {},
      },
    );
    const rejected = expect(job).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect.poll(() => timesOpen(path), { timeout: 10_000 }).toBe(2);
    await expect.poll(() => bodies.length, { timeout: 10_000 }).toBeGreaterThan(0);
    failing.abort();
    await rejected;

    await expect.poll(() => timesOpen(path), { timeout: 10_000 }).toBe(0);
    await pool.close();
  });
});
