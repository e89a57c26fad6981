import { expect, it } from 'vitest';
import { MemoryKeeper } from '../../../../src/core/jobs/backup/memory-keeper.ts';

it('gives back what is no longer used, and leaves no collector behind', () => {
  let planned: string[][] | null = Array.from({ length: 200_000 }, (_, i) => [`site${i}`, `domain${i}.test`]);
  const before = process.memoryUsage();
  expect(planned).toHaveLength(200_000);
  planned = null;

  new MemoryKeeper(true).look(0);

  const after = process.memoryUsage();
  expect(after.heapUsed).toBeLessThan(before.heapUsed - 10_000_000);
  expect(after.heapTotal).toBeLessThan(before.heapTotal);
  expect('gc' in globalThis).toBe(false);
});
