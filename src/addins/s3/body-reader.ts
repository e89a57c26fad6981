/**
 * Cuts a body of unknown rhythm into buffers of a chosen size.
 *
 * Reads the body once and in order, holds at most the chunk it was given last, and copies, because a
 * producer may use its chunk again. Errors of the body come out as `BodyFailure`.
 */

import { HoldfastError, interruptible } from '../../core/index.ts';
import { BodyFailure } from './failures.ts';
import type { PartBuffers } from './part-buffers.ts';

const smallestBuffer = 64 * 1024;

export class BodyReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #declaredBytes: number | undefined;
  readonly #what: string;
  readonly #buffers: PartBuffers;
  /** Taken and put back. */
  #untaken: Uint8Array | null = null;
  /** Read and not yet taken; none is empty. */
  readonly #pending: Uint8Array[] = [];
  #ended = false;
  #readBytes = 0;

  constructor(
    body: AsyncIterable<Uint8Array>,
    declaredBytes: number | undefined,
    signal: AbortSignal,
    what: string,
    buffers: PartBuffers,
  ) {
    this.#chunks = interruptible(body, signal, what)[Symbol.asyncIterator]();
    this.#declaredBytes = declaredBytes;
    this.#what = what;
    this.#buffers = buffers;
  }

  /** Bytes the body has given so far. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** Exactly so many bytes, or fewer at the end of the body. The caller gives them back to the buffers. */
  async take(bytes: number): Promise<Uint8Array> {
    const before = this.#untaken;
    this.#untaken = null;
    if (before?.length === bytes) return before;
    let buffer = this.#buffers.take(Math.min(bytes, this.#declaredBytes ?? smallestBuffer));
    let filled = 0;
    const add = (piece: Uint8Array): void => {
      // What outgrows the smallest buffer is likely to fill a part.
      if (filled + piece.length > buffer.length) buffer = this.#buffers.exchange(buffer, filled, bytes);
      buffer.set(piece, filled);
      filled += piece.length;
    };
    try {
      if (before !== null) add(before);
      while (filled < bytes && !(await this.atEnd())) {
        const chunk = this.#pending.shift()!;
        const used = chunk.subarray(0, bytes - filled);
        if (used.length < chunk.length) this.#pending.unshift(chunk.subarray(used.length));
        add(used);
      }
    } catch (error) {
      this.#buffers.giveBack(buffer);
      throw error;
    } finally {
      if (before !== null) this.#buffers.giveBack(before);
    }
    return buffer.subarray(0, filled);
  }

  /** Puts what was taken last back in front, before anything else is read. */
  untake(bytes: Uint8Array): void {
    this.#untaken = bytes;
  }

  /**
   * Waits for the next byte or for the end.
   *
   * @throws INTERNAL the body is longer or shorter than declared
   */
  async atEnd(): Promise<boolean> {
    if (this.#untaken !== null) return false;
    while (this.#pending.length === 0 && !this.#ended) await this.#read();
    return this.#pending.length === 0;
  }

  /** Tells the body to stop; an error of its own no longer matters. */
  async close(): Promise<void> {
    if (this.#untaken !== null) this.#buffers.giveBack(this.#untaken);
    this.#untaken = null;
    if (!this.#ended) await this.#chunks.return?.().catch(() => {});
    this.#ended = true;
  }

  async #read(): Promise<void> {
    const step = await this.#chunks.next().catch((cause: unknown) => {
      this.#ended = true;
      throw new BodyFailure('the body broke', { cause });
    });
    if (step.done === true) this.#ended = true;
    else if (step.value.length > 0) this.#pending.push(step.value);
    this.#readBytes += step.done === true ? 0 : step.value.length;
    const declared = this.#declaredBytes;
    if (declared === undefined) return;
    if (this.#readBytes > declared || (this.#ended && this.#readBytes < declared)) {
      const has = this.#ended ? `${this.#readBytes} bytes` : `more than ${declared} bytes`;
      throw new HoldfastError('INTERNAL', `${this.#what}: the body has ${has}, not the ${declared} declared`);
    }
  }
}
