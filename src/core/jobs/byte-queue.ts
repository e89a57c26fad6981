/**
 * A stream of bytes between one producer that pushes and one consumer that iterates.
 *
 * `onTaken` hears of each piece once the consumer has asked for the next one: whoever limits how much is
 * under way counts from there. When the consumer leaves early, what is pushed is dropped and still counted.
 */

export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #pieces: Uint8Array[] = [];
  readonly #onTaken: (bytes: number) => void;
  #wake: (() => void) | null = null;
  #ended = false;
  #error: unknown = null;
  #abandoned = false;

  constructor(onTaken: (bytes: number) => void) {
    this.#onTaken = onTaken;
  }

  push(piece: Uint8Array): void {
    if (this.#abandoned) {
      this.#onTaken(piece.length);
      return;
    }
    this.#pieces.push(piece);
    this.#wakeUp();
  }

  end(): void {
    this.#ended = true;
    this.#wakeUp();
  }

  fail(error: unknown): void {
    this.#error = error;
    this.end();
  }

  /** The consumer is gone: nothing is kept any more. */
  abandon(): void {
    this.#abandoned = true;
    for (const piece of this.#pieces.splice(0)) this.#onTaken(piece.length);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          yield piece;
          this.#onTaken(piece.length);
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
