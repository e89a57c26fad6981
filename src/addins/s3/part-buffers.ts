/**
 * Buffers of one part each, to be used again: an upload would otherwise fill and drop gigabytes of them, and the
 * collector, which they alarm, took a quarter of a backup's processor time.
 *
 * Counting is the business of `memory-budget.ts`; here is never more than was in use at once.
 */

export class PartBuffers {
  readonly #partBytes: number;
  readonly #spare: ArrayBuffer[] = [];

  constructor(partBytes: number) {
    this.#partBytes = partBytes;
  }

  /** Of exactly so many bytes; what they hold is left over from others. */
  take(bytes: number): Buffer {
    const spare = bytes === this.#partBytes ? this.#spare.pop() : undefined;
    return spare === undefined ? Buffer.allocUnsafeSlow(bytes) : Buffer.from(spare);
  }

  /** A larger one that begins with the first `filled` bytes of this one, which is given back. */
  exchange(buffer: Buffer, filled: number, bytes: number): Buffer {
    const larger = this.take(bytes);
    larger.set(buffer.subarray(0, filled));
    this.giveBack(buffer);
    return larger;
  }

  /** Nobody reads or sends these bytes any more. Others than whole parts are left to the collector. */
  giveBack({ buffer }: Uint8Array): void {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === this.#partBytes) this.#spare.push(buffer);
  }
}
