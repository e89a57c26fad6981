import { describe, expect, it } from 'vitest';
import { startOf } from '../../../src/core/isolation/start-of-body.ts';
import { collect } from '../../../src/core/streams.ts';

const { signal } = new AbortController();
const request = (body: AsyncIterable<Uint8Array>) => ({ key: 'a', body, signal });

describe('the start of a body', () => {
  it('is looked at without being taken away, though chunks are one buffer', async () => {
    const chunk = Buffer.alloc(3);
    const body = (async function* () {
      for (let turn = 1; turn <= 4; turn += 1) yield chunk.fill(turn);
    })();
    const start = await startOf(request(body), 5);

    expect(start.whole).toBe(false);
    let seen = '';
    for await (const piece of start) seen += Buffer.from(piece).toString('hex');
    expect(seen).toBe('010101020202030303040404');
  });

  it('of a small body is all of it, and can be read again', async () => {
    const body = (async function* () {
      yield Buffer.from('all');
    })();
    const start = await startOf(request(body), 5);

    expect(start.whole).toBe(true);
    for (let turn = 0; turn < 2; turn += 1) expect((await collect(start, 100)).toString()).toBe('all');
  });

  it('is abandoned with its producer, and without waiting for one that stalls', async () => {
    let over = false;
    const [stalls, goes] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const body = (async function* () {
      try {
        yield Buffer.alloc(10);
        yield Buffer.alloc(10);
        stalls.resolve();
        await goes.promise;
      } finally {
        over = true;
      }
    })();
    const start = await startOf(request(body), 5);
    const reading = start[Symbol.asyncIterator]();
    await reading.next();
    await reading.next();
    const last = reading.next();
    await stalls.promise;
    await start.abandon();
    expect(over).toBe(false);

    goes.resolve();
    await last;
    await start.abandon();
    expect(over).toBe(true);
  });
});
