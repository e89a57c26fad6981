/** Bodies on a socket of which the other side wants no more, while their memory goes back to whoever made them. */

import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { releaseBuffer } from '../../../src/core/archive/frames.ts';
import { ByteQueue } from '../../../src/core/byte-queue.ts';
import { Channel } from '../../../src/core/isolation/channel.ts';
import { Credit, Debt } from '../../../src/core/isolation/credit.ts';
import { FrameReader, frameType, largestData, windowBytes } from '../../../src/core/isolation/frames.ts';
import { sendBody } from '../../../src/core/isolation/send-body.ts';

type Writes = Socket & { readonly _writev: NonNullable<Socket['_writev']> };

interface Line extends AsyncDisposable {
  readonly sender: Socket;
  readonly receiver: Socket;
}

async function openLine(): Promise<Line> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-line-'));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(directory, 'socket'), resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const sender = connect(join(directory, 'socket'));
  const receiver = await accepted;
  return {
    sender,
    receiver,
    async [Symbol.asyncDispose]() {
      sender.destroy();
      receiver.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
}

it('lets go of a piece when what was sent of it has left', async () => {
  await using line = await openLine();
  const heard: string[] = [];
  let [came, wrong] = [0, 0];
  const reader = new FrameReader({
    frame: (type, id) => heard.push(`${type} of ${id}`),
    data(id, piece) {
      came += piece.length;
      wrong += piece.reduce((sum, byte) => sum + (byte === id ? 0 : 1), 0);
    },
  });
  line.receiver.pause();
  line.receiver.on('data', (bytes) => reader.push(bytes as Buffer));
  const channel = new Channel(line.sender);
  const credit = new Credit();
  const released: number[] = [];
  const body = new ByteQueue((piece) => {
    released.push(line.sender.writableLength);
    releaseBuffer(piece as Buffer);
  });
  // More than may be sent: the last frame of it waits for credit.
  body.push(Buffer.allocUnsafeSlow(windowBytes + largestData).fill(1));
  const sending = sendBody(body, { channel, id: 1, credit, onSent: () => {} });
  await expect.poll(() => line.sender.writableLength).toBeGreaterThan(0);
  credit.cancel();
  setTimeout(() => line.receiver.resume(), 100);

  expect(await sending).toBe(false);
  expect(released).toEqual([0]);
  void channel.data(2, Buffer.alloc(100_000, 2));
  channel.send(frameType.end, 2);
  await expect.poll(() => heard).toEqual([`${frameType.end} of 2`]);
  expect([came, wrong]).toEqual([windowBytes + 100_000, 0]);
});

it('sends what is small, and that it is complete, in one piece', async () => {
  await using line = await openLine();
  const writes: number[] = [];
  let came = 0;
  line.receiver.on('data', ({ length }) => (came += length));
  await expect.poll(() => line.sender.connecting).toBe(false);
  // What the socket is given at once goes out in one system call.
  const { _write, _writev } = line.sender as Writes;
  Object.assign(line.sender, {
    _write(this: Socket, ...given: Parameters<Socket['_write']>) {
      writes.push(1);
      _write.apply(this, given);
    },
    _writev(this: Socket, ...given: Parameters<NonNullable<Socket['_writev']>>) {
      writes.push(given[0].length);
      _writev.apply(this, given);
    },
  } satisfies Partial<Writes>);
  const channel = new Channel(line.sender);
  const body = new ByteQueue(() => {});
  body.push(Buffer.alloc(1000));
  body.end();
  channel.send(frameType.call, 1, { method: 'put' });
  const all = await sendBody(body, { channel, id: 1, credit: new Credit(), onSent: () => {} });
  channel.send(frameType.end, 1);
  await expect.poll(() => came).toBe(3 * 12 + 16 + 1000);

  expect(all).toBe(true);
  // Three headers, a message and a body.
  expect(writes).toEqual([5]);
});

it('gives no word of the end of a body that is complete, and of all others', () => {
  const given: number[] = [];
  const debt = new Debt((bytes) => given.push(bytes));
  debt.came(1000);
  debt.took(1000);
  debt.came(windowBytes);
  debt.complete();
  debt.took(windowBytes - 1000);
  debt.took(1000);

  expect(given).toEqual([1000, windowBytes - 1000]);
});
