/** Which workers take part in a job: those that are there and those that come later; and what a failed one leaves in them. */

import { hash, randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainFrames } from '../../../../src/core/archive/frame-splitter.ts';
import { frameBytes } from '../../../../src/core/archive/frames.ts';
import type { ByteQueue } from '../../../../src/core/byte-queue.ts';
import type { CaptureSink } from '../../../../src/core/jobs/capture/job.ts';
import { type SegmentDone, windowBytes } from '../../../../src/core/jobs/capture/messages.ts';
import { CapturePool } from '../../../../src/core/jobs/capture/pool.ts';

const sinkOf = (bodies: ByteQueue[]): CaptureSink => ({
  segment: (_, body) => bodies.push(body),
  progress: () => {},
  segmentDone: () => {},
  page: () => {},
  reuse: () => {},
  reuseLinks: () => {},
  noted: () => {},
  linkPage: () => {},
  warning: () => {},
});

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-workers-of-a-job-'));
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

/** Of workers, in this process. One of Node's own may end while it is asked. */
function threadsHere(): number {
  return readdirSync('/proc/self/task').filter((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, 'utf8') === 'WorkerThread\n';
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
        parent: { pages: [path], rows: [], linkRows: [], rereadEvery: 1000, turn: 1 },
        firstNumber: 0,
        signal: failing.signal,
      },
      sinkOf(bodies),
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

describe('a capture with a parent', () => {
  it('waits for a sink that takes nothing, and all of its frames are there', async () => {
    const pool = new CapturePool({ threads: 1, now: Date.now });
    const bodies: ByteQueue[] = [];
    const ended: SegmentDone[] = [];
    let done = 0;
    const job = pool.capture(
      {
        trees: [{ name: 'large', path: join(directory, 'large'), device: 0, exclude: [] }],
        parent: { pages: [join(directory, 'parent')], rows: [], linkRows: [], rereadEvery: 1000, turn: 1 },
        firstNumber: 0,
        signal: new AbortController().signal,
      },
      {
        ...sinkOf(bodies),
        progress: (bytes) => (done += bytes),
        segmentDone: (segment) => ended.push(segment),
      },
    );
    // Nobody takes any of it yet: the worker goes on until so much is under way.
    await expect.poll(() => done, { timeout: 10_000 }).toBeGreaterThan(4 * frameBytes);
    await sleep(300);
    expect(done).toBeLessThanOrEqual(windowBytes + 2 * frameBytes);
    const pieces: Buffer[] = [];
    for await (const piece of bodies[0]!) pieces.push(Buffer.from(piece));
    const stored = Buffer.concat(pieces);
    await job;
    await pool.close();
    const frames: Buffer[] = [];
    for await (const frame of plainFrames(Readable.from(pieces), 'the segment')) frames.push(frame);
    const tar = Buffer.concat(frames);
    const contents = readdirSync(join(directory, 'large')).map((name) =>
      readFileSync(join(directory, 'large', name)),
    );

    expect(contents.filter((content) => !tar.includes(content))).toEqual([]);
    expect(ended).toMatchObject([{ plainBytes: tar.length, storedBytes: stored.length }]);
    expect(Buffer.from(ended[0]!.sha256)).toEqual(hash('sha256', stored, 'buffer'));
    expect(ended[0]!.frames.map(({ plain }) => plain)).toEqual(frames.map(({ length }) => length));
  });

  it.each([
    [0, 3, 1],
    [1, 3, 1],
    [2, 3, 2],
    [20, 3, 2],
    [20, 1, 1],
  ])(
    'where %i will be at a time, and %i workers may be, has %i before there is work',
    async (jobs, threads, workers) => {
      const others = threadsHere();
      const pool = new CapturePool({ threads, now: Date.now, aloneMs: 60_000 });
      pool.start();
      await expect.poll(() => threadsHere() - others).toBe(1);
      pool.start(jobs);

      await expect.poll(() => threadsHere() - others).toBe(workers);
      await sleep(200);
      expect(threadsHere() - others).toBe(workers);
      await pool.close();
      pool.start(jobs);
      expect(threadsHere() - others).toBe(0);
    },
  );

  it('gets a second worker where it lasts, and all where that lasts', async () => {
    const path = join(directory, 'parent');
    const others = threadsHere();
    const pool = new CapturePool({ threads: 3, now: Date.now, aloneMs: 50 });
    const stopping = new AbortController();
    const bodies: ByteQueue[] = [];
    const job = pool.capture(
      {
        // None comes to its end, for nobody reads what is captured.
        trees: ['shadow', 'info', 'other'].map((name) => {
          return { name, path: join(directory, 'large'), device: 0, exclude: [] };
        }),
        parent: { pages: [path], rows: [], linkRows: [], rereadEvery: 1000, turn: 1 },
        firstNumber: 0,
        signal: stopping.signal,
      },
      sinkOf(bodies),
    );
    const rejected = expect(job).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect.poll(() => bodies.length, { timeout: 10_000 }).toBe(2);
    expect(timesOpen(path)).toBe(2);
    expect(threadsHere() - others).toBe(2);
    await expect.poll(() => bodies.length, { timeout: 10_000 }).toBe(3);
    expect(timesOpen(path)).toBe(3);
    stopping.abort();
    await rejected;
    await pool.close();
  });
});
