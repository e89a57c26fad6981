import { describe, expect, it } from 'vitest';
import { interruptible } from '../../src/core/index.ts';

async function* numbers(count: number, onEnd: () => void = () => {}) {
  try {
    for (let number = 0; number < count; number += 1) yield number;
  } finally {
    onEnd();
  }
}

describe('interruptible', () => {
  it('yields everything while the signal is silent', async () => {
    const { signal } = new AbortController();
    expect(await Array.fromAsync(interruptible(numbers(3), signal, 'count'))).toEqual([0, 1, 2]);
  });

  it('rejects with the error of the body', async () => {
    const { signal } = new AbortController();
    const body = (async function* () {
      yield 1;
      throw new RangeError('planted');
    })();
    await expect(Array.fromAsync(interruptible(body, signal, 'count'))).rejects.toThrow(RangeError);
  });

  it('rejects with INTERRUPTED although the body never answers', async () => {
    const stop = new AbortController();
    const body = (async function* () {
      yield 1;
      await new Promise(() => {});
    })();
    const reading = Array.fromAsync(interruptible(body, stop.signal, 'count'));
    setImmediate(() => stop.abort());
    await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED', message: 'count was interrupted' });
  });

  it('rejects with INTERRUPTED where the body breaks because of the same signal', async () => {
    const stop = new AbortController();
    const body = (async function* () {
      yield 1;
      stop.abort();
      throw new Error('aborted');
    })();
    await expect(Array.fromAsync(interruptible(body, stop.signal, 'count'))).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });

  it('ends the body when its reader leaves early, and when it is interrupted', async () => {
    let ended = 0;
    const stop = new AbortController();
    for await (const _ of interruptible(
      numbers(3, () => (ended += 1)),
      stop.signal,
      'count',
    ))
      break;
    expect(ended).toBe(1);

    const reading = (async () => {
      for await (const _ of interruptible(
        numbers(3, () => (ended += 1)),
        stop.signal,
        'count',
      ))
        stop.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(ended).toBe(2);
  });
});
