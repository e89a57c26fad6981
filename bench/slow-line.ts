/**
 * A line with latency, in a process of its own, for the benchmark waits for its commands without looking up.
 *
 * usage: slow-line.ts PORT MILLISECONDS    forwards a free port, which it prints, to PORT on this machine
 *
 * Half of the time is added each way and one round trip more when a connection begins; bytes are not held back
 * otherwise. It ends when stdin closes.
 */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** Bytes on their way in one direction of one connection: 400 MB/s at 40 ms. */
const windowBytes = 16 * 1024 * 1024;

const [port, latencyMs] = process.argv.slice(2).map(Number) as [number, number];

function forward(from: Socket, to: Socket, openAtMs: number): void {
  const queue: { readonly atMs: number; readonly chunk: Buffer | null }[] = [];
  let queued = 0;
  let waiting = false;
  const push = (chunk: Buffer | null): void => {
    queue.push({ atMs: Math.max(openAtMs, performance.now()) + latencyMs / 2, chunk });
    if (!waiting) wait();
  };
  const wait = (): void => {
    waiting = true;
    setTimeout(deliver, Math.max(0, queue[0]!.atMs - performance.now()));
  };
  const deliver = (): void => {
    waiting = false;
    const nowMs = performance.now() + 0.5;
    while (queue[0] !== undefined && queue[0].atMs <= nowMs) {
      const { chunk } = queue.shift()!;
      if (chunk === null) to.end();
      else {
        to.write(chunk, () => {
          queued -= chunk.length;
          if (queued < windowBytes / 2) from.resume();
        });
      }
    }
    if (queue[0] !== undefined) wait();
  };
  from.on('data', (chunk: Buffer) => {
    queued += chunk.length;
    if (queued > windowBytes) from.pause();
    push(chunk);
  });
  from.on('end', () => push(null));
  from.on('error', () => to.destroy());
  from.on('close', () => {
    if (from.errored) to.destroy();
  });
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const service = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const openAtMs = performance.now() + latencyMs;
  forward(client, service, openAtMs);
  forward(service, client, 0);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
