/** The moment between the walk of an account and its final segment. */

import { vi } from 'vitest';
import type { CapturePool } from '../../src/core/jobs/capture/pool.ts';

/**
 * Runs `action` once the next capture has walked its last tree and before anything is read for the final segment, where
 * the trees are small, and one thread walks them: the main thread has its last page before it hears that it has ended.
 */
export function afterWalk(pool: CapturePool, action: () => void): void {
  const capture = pool.capture.bind(pool);
  const spy = vi.spyOn(pool, 'capture').mockImplementationOnce((request, sink) => {
    spy.mockRestore();
    let left = request.trees.length;
    const seen = (): void => {
      if (--left === 0) action();
    };
    return capture(request, {
      ...sink,
      page(page, part) {
        seen();
        sink.page(page, part);
      },
      reuse(row, objects) {
        seen();
        sink.reuse(row, objects);
      },
    });
  });
}
