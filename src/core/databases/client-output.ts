/**
 * What a client prints, read in large pieces.
 *
 * Dump clients write 4 KiB at a time, and a reader that takes each at once spends more on waking up than on the
 * bytes. So they get a wide pipe of their own, and after the beginning of a dump we let it fill for a moment
 * before we read on. Nothing is read unless somebody asks for it.
 */

import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPipe } from '../filesystem/native-process.ts';

/** Most that one read brings, and the width of the pipe where the kernel grants it. */
const pieceBytes = 256 * 1024;
const pipeBytes = 1024 * 1024;
/** The beginning is read as it comes: somebody may wait for it with tables locked. */
const promptBytes = 64 * 1024;
/** Milliseconds between two reads; longer while they bring less than wanted, and the client is never kept waiting. */
const pauses = { shortestMs: 3, longestMs: 30, wantedBytes: pieceBytes / 2 };

/** Memory for pieces, kept for the next ones: new memory has to be cleared, and its garbage collected. */
const spare: ArrayBuffer[] = [];
const mostSpare = 32;

export interface ClientOutput extends AsyncIterable<Buffer> {
  /** Nobody looks at this piece any more: its memory is used again. Without a call it is garbage. */
  release(piece: Buffer): void;
  /** Ends reading; what had come is dropped. Safe to repeat. */
  destroy(): void;
}

/** A pipe whose writing end, `descriptor`, is for the client; ours must be closed once it has started. */
export function makeOutputPipe(): { readonly descriptor: number; readonly output: ClientOutput } {
  const { reading, writing } = openPipe(pipeBytes);
  return { descriptor: writing, output: new PipeReader(reading) };
}

class PipeReader implements ClientOutput {
  readonly #socket: Socket;
  #memory = new ArrayBuffer(0);
  /** Memory of the pieces that somebody has. */
  readonly #lent = new Set<ArrayBufferLike>();
  #piece: Buffer | null = null;
  #over = false;
  #failure: Error | null = null;
  #bytes = 0;
  #pauseMs = pauses.shortestMs;
  #wake = (): void => {};

  constructor(fd: number) {
    const came = (bytes: number): boolean => {
      this.#piece = Buffer.from(this.#memory, 0, bytes);
      this.#lent.add(this.#memory);
      this.#bytes += bytes;
      const { shortestMs, longestMs, wantedBytes } = pauses;
      this.#pauseMs =
        bytes < wantedBytes
          ? Math.min(this.#pauseMs * 1.5, longestMs)
          : Math.max(this.#pauseMs / 1.5, shortestMs);
      this.#wake();
      return false; // stops reading until somebody asks
    };
    this.#socket = new Socket({
      fd,
      readable: true,
      writable: false,
      onread: { buffer: () => this.#room(), callback: came },
    });
    this.#socket.on('error', (error) => {
      this.#failure = error;
    });
    const over = (): void => {
      this.#over = true;
      this.#wake();
    };
    this.#socket.once('end', over).once('close', over);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (let piece = await this.#next(); piece !== null; piece = await this.#next()) yield piece;
    } finally {
      this.destroy();
    }
  }

  release({ buffer }: Buffer): void {
    if (this.#lent.delete(buffer) && spare.length < mostSpare) spare.push(buffer as ArrayBuffer);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #next(): Promise<Buffer | null> {
    if (this.#bytes > promptBytes) await sleep(this.#pauseMs);
    if (this.#piece === null && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#socket.resume();
      });
    }
    const piece = this.#piece;
    this.#piece = null;
    if (piece === null && this.#failure !== null) throw this.#failure;
    return piece;
  }

  /** Asked for before the first read and after each. */
  #room(): Uint8Array {
    this.#memory = spare.pop() ?? new ArrayBuffer(pieceBytes);
    return new Uint8Array(this.#memory);
  }
}
