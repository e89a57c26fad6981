/**
 * Bytes that come in pieces, for a reader that is a generator: it yields where it needs more than has come.
 *
 * Numbers and texts are those of pg_dump's archives: a byte for the sign and then the digits, the lowest
 * first; a text is preceded by its length, which is negative where there is none. Texts are never kept.
 */

/** A generator that pauses until there is more, and returns T. */
type Paused<T> = Generator<void, T, undefined>;

const cutShort = 'it is cut short';

export class ByteFeed {
  /** Digits of a number, without its sign: 4 to 8. */
  integerBytes = 4;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #ended = false;

  push(bytes: Buffer): void {
    const left = this.#bytes.subarray(this.#at);
    this.#bytes = left.length === 0 ? bytes : Buffer.concat([left, bytes]);
    this.#at = 0;
  }

  end(): void {
    this.#ended = true;
  }

  /** Pauses until so many bytes lie ready. @throws RangeError there are no more */
  *need(bytes: number): Paused<void> {
    while (this.#bytes.length - this.#at < bytes) yield* this.#pause();
  }

  /** Whether there is another byte; false at the end. */
  *more(): Paused<boolean> {
    while (this.#bytes.length === this.#at) {
      if (this.#ended) return false;
      yield;
    }
    return true;
  }

  /** Of what lies ready. */
  take(bytes: number): Buffer {
    this.#at += bytes;
    return this.#bytes.subarray(this.#at - bytes, this.#at);
  }

  byte(): number {
    return this.#bytes[this.#at++]!;
  }

  *integer(): Paused<number> {
    if (this.#bytes.length - this.#at <= this.integerBytes) yield* this.need(this.integerBytes + 1);
    return this.#integer();
  }

  *skip(bytes: number): Paused<void> {
    let left = bytes;
    for (;;) {
      const passed = Math.min(left, this.#bytes.length - this.#at);
      this.#at += passed;
      left -= passed;
      if (left === 0) return;
      yield* this.#pause();
    }
  }

  *skipIntegers(count: number): Paused<void> {
    yield* this.skip(count * (this.integerBytes + 1));
  }

  /** Its length, or null where there is none. */
  *skipText(): Paused<number | null> {
    const bytes = yield* this.integer();
    if (bytes < 0) return null;
    yield* this.skip(bytes);
    return bytes;
  }

  *skipTexts(count: number): Paused<void> {
    for (let at = 0; at < count; at += 1) yield* this.skipText();
  }

  /** Passes chunks that lie ready whole. True once the empty one has been passed, which ends them. */
  passChunks(): boolean {
    const width = this.integerBytes + 1;
    for (;;) {
      const start = this.#at;
      if (this.#bytes.length - start < width) return false;
      const bytes = this.#integer();
      if (bytes === 0) return true;
      if (bytes < 0 || this.#bytes.length - this.#at < bytes) {
        this.#at = start;
        return false;
      }
      this.#at += bytes;
    }
  }

  #integer(): number {
    const bytes = this.#bytes;
    const at = this.#at;
    this.#at = at + 1 + this.integerBytes;
    let value = bytes[at + 1]! | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16);
    value += bytes[at + 4]! * 0x1000000;
    for (let digit = 5; digit <= this.integerBytes; digit += 1)
      value += bytes[at + digit]! * 256 ** (digit - 1);
    return bytes[at] === 0 ? value : -value;
  }

  *#pause(): Paused<void> {
    if (this.#ended) throw new RangeError(cutShort);
    yield;
  }
}
