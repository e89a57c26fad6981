/**
 * A stream of bytes between one producer that pushes and one consumer that iterates.
 *
 * `onTaken` hears of each piece exactly once, when the consumer has asked for the next one: whoever limits how
 * much is under way counts from there. Where the consumer leaves early, or never comes, what was pushed is
 * dropped and still counted, or the producer would wait for it for ever.
 */

export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #pieces: Uint8Array[] = [];
  readonly #onTaken: (piece: Uint8Array) => void;
  #wake: (() => void) | null = null;
  #ended = false;
  #error: unknown = null;
  #abandoned = false;

  constructor(onTaken: (piece: Uint8Array) => void) {
    this.#onTaken = onTaken;
  }

  push(piece: Uint8Array): void {
    if (this.#abandoned) {
      this.#onTaken(piece);
      return;
    }
    this.#pieces.push(piece);
    this.#wakeUp();
  }

  end(): void {
    this.#ended = true;
    this.#wakeUp();
  }

  /** The consumer hears of it at once; what it has not taken is dropped. */
  fail(error: unknown): void {
    this.#error = error;
    this.abandon();
    this.end();
  }

  /** The consumer is gone, or will never come: nothing is kept any more. Safe to repeat. */
  abandon(): void {
    this.#abandoned = true;
    for (const piece of this.#pieces.splice(0)) this.#onTaken(piece);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          try {
            yield piece;
          } finally {
            this.#onTaken(piece);
          }
        } else if (this.#error !== null) throw this.#error;
        else if (this.#ended) return;
        else await new Promise<void>((wake) => (this.#wake = wake));
      }
    } finally {
      this.abandon();
    }
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
