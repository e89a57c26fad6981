/** How long what a run puts lies in the store with nothing new beside it, by a clock of the test's own. */

import { beforeEach, expect, it } from 'vitest';
import { PutGaps } from '../../../../src/core/jobs/backup/put-gaps.ts';

let nowMs: number;
let gaps: PutGaps;
beforeEach(() => {
  nowMs = 1_700_000_000_000;
  gaps = new PutGaps(() => nowMs);
});

/** Its bytes are sent for so long, and the answer comes so much later. */
async function put(key: string, sendsMs: number, answersMs = 0): Promise<void> {
  async function* body(): AsyncGenerator<Uint8Array> {
    nowMs += sendsMs;
    yield Buffer.from('bytes');
  }
  await gaps.follow(key, body(), async (bytes) => {
    for await (const _ of bytes);
    nowMs += answersMs;
  });
}

it('is nothing where nothing was put', () => {
  nowMs += 1000;
  expect(gaps.longestMs).toBe(0);
});

it('is no longer for a run that goes on putting, nor for an object that takes long', async () => {
  for (let i = 0; i < 100; i++) await put(`data/s/o/${i}`, 10);
  await put('index/s/o/i', 5);
  expect(gaps.longestMs).toBe(10);
  gaps = new PutGaps(() => nowMs);
  await put('index/s/o/i', 5000);
  expect(gaps.longestMs).toBe(0);
});

it.each([
  ['between two objects', ['data/1', 'data/2'], 700],
  ['before the commit', ['data/1'], 700],
  ['though other classes get some', ['data/1', 'index/1'], 700],
])('is the time in which no object came: %s', async (_, [first, second], sleptMs) => {
  await put(first!, 1);
  nowMs += sleptMs;
  if (second !== undefined) await put(second, 0);
  expect(gaps.longestMs).toBe(sleptMs);
});

it('counts the wait for an answer, which may have come long before it was read', async () => {
  await put('data/1', 1, 700);
  await put('data/2', 1);
  expect(gaps.longestMs).toBe(701);
});

it('does not count one that failed as there', async () => {
  await put('data/1', 0);
  const failing = gaps.follow('data/2', [] as never, () => Promise.reject(new Error('no answer')));
  await expect(failing).rejects.toThrow('no answer');
  nowMs += 300;
  expect(gaps.longestMs).toBe(300);
});
