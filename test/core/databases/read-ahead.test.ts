import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { ReadAhead } from '../../../src/core/databases/read-ahead.ts';

const chunkBytes = 256 * 1024;

/** Ten chunks, numbered in their first byte; counts how many were taken. */
function source(taken: { count: number }): AsyncIterator<Buffer> {
  return (async function* () {
    for (let number = 0; number < 10; number += 1) {
      taken.count += 1;
      yield Buffer.alloc(chunkBytes, number);
    }
  })();
}

async function numbers(reader: ReadAhead): Promise<number[]> {
  const seen: number[] = [];
  for (let chunk = await reader.next(); chunk !== null; chunk = await reader.next())
    seen.push(chunk[0] ?? -1);
  return seen;
}

const inOrder = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

describe('ReadAhead', () => {
  it('reads nothing unasked without options, and gives back what was looked at', async () => {
    const taken = { count: 0 };
    const reader = new ReadAhead(source(taken), null);
    await reader.fill((head) => head.length > chunkBytes);
    await sleep(30); // in which it would be read
    expect(taken.count).toBe(2);
    expect(await numbers(reader)).toEqual(inOrder);
  });

  it('sips while the reader stalls, keeps the order, and returns what it was lent', async () => {
    const taken = { count: 0 };
    const budget = { left: 100 * chunkBytes };
    const reader = new ReadAhead(source(taken), { everyMs: 5, budget });
    const first = await reader.next();
    await vi.waitFor(() => expect(taken.count).toBe(10), 20_000);
    expect([first?.[0], ...(await numbers(reader))]).toEqual(inOrder);
    expect(budget.left).toBe(100 * chunkBytes);
  });

  it('stays within the budget, which dumps share', async () => {
    const taken = { count: 0 };
    const budget = { left: 3 * chunkBytes };
    const readers = [source(taken), source(taken)].map((each) => new ReadAhead(each, { everyMs: 5, budget }));
    for (const reader of readers) await reader.next();
    await sleep(100); // twenty intervals
    expect(taken.count).toBeLessThanOrEqual(2 + 4);
    for (const reader of readers) reader.stop();
    expect(budget.left).toBe(3 * chunkBytes);
  });

  it('passes the failure of its source on, after what came before', async () => {
    const failing = (async function* () {
      yield Buffer.from('x');
      throw new Error('broken');
    })();
    const reader = new ReadAhead(failing, { everyMs: 5, budget: { left: 1000 } });
    await reader.fill(() => false);
    expect((await reader.next())?.toString()).toBe('x');
    await expect(reader.next()).rejects.toThrow('broken');
  });
});
