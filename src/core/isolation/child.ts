/**
 * Where the process of an addin begins: one inherited socket, and no other way to Holdfast.
 *
 * It is started with nothing of ours open and an empty environment; what the addin needs comes over the socket.
 * It ends when the socket does, whatever is still under way, so that it never outlives Holdfast.
 */

import { closeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { Socket } from 'node:net';
import { addinService } from './addin-service.ts';
import { ReadBuffers } from './read-buffers.ts';
import { Server } from './serve.ts';

process.umask(0o077);
// They are sent to the whole group or unit; Holdfast ends what is under way in order, and this process with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

// Left open by whoever started Holdfast; the shell before us has told which.
for (const number of (process.argv[2] ?? '').split(' ').filter((one) => one !== '')) {
  try {
    closeSync(Number(number));
  } catch {
    // The shell's own.
  }
}

const buffers = new ReadBuffers();
let server: Server | null = null;
const socket = new Socket({
  fd: 3,
  readable: true,
  writable: true,
  onread: {
    buffer: () => buffers.next(),
    callback(length, bytes) {
      server?.push(Buffer.from(bytes.buffer, bytes.byteOffset, length));
      return true;
    },
  },
});
socket.on('error', () => process.exit(1));
socket.on('close', () => process.exit(0));
socket.on('end', () => process.exit(0));
// It is ended without ceremony, so what was compiled is kept as soon as there is time.
server = new Server(socket, addinService(flushCompileCache), (piece) => buffers.borrow(piece));
