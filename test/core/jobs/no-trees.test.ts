/** An account of which nothing can be read fails at once, and costs nobody else anything. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { CapturePool } from '../../../src/core/jobs/capture/pool.ts';

let pool: CapturePool;
beforeAll(() => {
  pool = new CapturePool({ threads: 1, now: Date.now });
});
afterAll(async () => {
  await pool.close();
});

it('captures no trees without waiting for anything', async () => {
  const never = () => {
    throw new Error('nothing was captured');
  };
  const sink = {
    segment: never,
    progress: never,
    segmentDone: never,
    page: never,
    reuse: never,
    reuseLinks: never,
    noted: never,
    linkPage: never,
    warning: never,
  };
  const request = { trees: [], parent: null, firstNumber: 5, signal: new AbortController().signal };
  const result = await pool.capture(request, sink);

  expect(result.counts.entries).toBe(0);
  expect(result.nextNumber).toBe(5);
});
