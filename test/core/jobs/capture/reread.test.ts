/** The share of unchanged files that is read again in each run. */

import { expect, it } from 'vitest';
import type { CaptureParent } from '../../../../src/core/jobs/capture/messages.ts';
import { isInodeDue } from '../../../../src/core/jobs/capture/reread.ts';

const inodes = 6000;

/** How many of so many inodes, numbered in steps, each run reads again. */
function sharesOf(rereadEvery: number, step: number): readonly number[] {
  const numbers = Array.from({ length: inodes }, (_, at) => (at * step) >>> 0);
  return Array.from({ length: rereadEvery }, (_, turn) => {
    const parent: CaptureParent = { pages: [], rows: [], linkRows: [], rereadEvery, turn: turn + 77 };
    return numbers.filter((one) => isInodeDue(one, parent)).length;
  });
}

it.each([1, 2, 7, 30, 64])(
  'of %d, one comes in each run, wherever a file system numbers in steps',
  (every) => {
    for (const step of [1, 2, 3, 4, 16, 30, 64, 128, 256, 1000, 4096]) {
      const shares = sharesOf(every, step);

      expect(
        shares.reduce((sum, one) => sum + one),
        `steps of ${step}: each once`,
      ).toBe(inodes);
      expect(Math.min(...shares), `steps of ${step}: least`).toBeGreaterThan(inodes / every / 3);
      expect(Math.max(...shares), `steps of ${step}: most`).toBeLessThan((3 * inodes) / every);
    }
  },
);
