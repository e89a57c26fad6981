/**
 * Cuts a body of unknown rhythm into buffers of a chosen size.
 *
 * Reads the body once and in order, holds at most the chunk it was given last, and copies, because a
 * producer may use its chunk again. Errors of the body come out as `BodyFailure`.
 */

import { HoldfastError, interruptible } from '../../core/index.ts';
import { BodyFailure } from './failures.ts';

const smallestBuffer = 64 * 1024;

export class BodyReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #declaredBytes: number | undefined;
  readonly #what: string;
  /** Read and not yet taken; none is empty. */
  readonly #pending: Uint8Array[] = [];
  #ended = false;
  #readBytes = 0;

  constructor(
    body: AsyncIterable<Uint8Array>,
    declaredBytes: number | undefined,
    signal: AbortSignal,
    what: string,
  ) {
    this.#chunks = interruptible(body, signal, what)[Symbol.asyncIterator]();
    this.#declaredBytes = declaredBytes;
    this.#what = what;
  }

  /** Bytes the body has given so far. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** Exactly so many bytes, or fewer at the end of the body. */
  async take(bytes: number): Promise<Uint8Array> {
    let buffer = Buffer.allocUnsafeSlow(Math.min(bytes, this.#declaredBytes ?? smallestBuffer));
    let filled = 0;
    while (filled < bytes && !(await this.atEnd())) {
      const chunk = this.#pending.shift()!;
      const used = chunk.subarray(0, bytes - filled);
      if (used.length < chunk.length) this.#pending.unshift(chunk.subarray(used.length));
      if (filled + used.length > buffer.length) buffer = grown(buffer, filled, filled + used.length, bytes);
      buffer.set(used, filled);
      filled += used.length;
    }
    return buffer.subarray(0, filled);
  }

  /** Puts what was taken last back in front. */
  untake(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#pending.unshift(bytes);
  }

  /**
   * Waits for the next byte or for the end.
   *
   * @throws INTERNAL the body is longer or shorter than declared
   */
  async atEnd(): Promise<boolean> {
    while (this.#pending.length === 0 && !this.#ended) await this.#read();
    return this.#pending.length === 0;
  }

  /** Tells the body to stop; an error of its own no longer matters. */
  async close(): Promise<void> {
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

function grown(buffer: Buffer, filled: number, needed: number, most: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(Math.min(most, Math.max(needed, buffer.length * 2)));
  larger.set(buffer.subarray(0, filled));
  return larger;
}
