/** Looks at the beginning of a body without taking it away. */

import type { PutRequest } from '../contracts/store.ts';
import { interruptible } from '../interruption.ts';

/** The body again, once, from its first byte. */
export class StartOfBody implements AsyncIterable<Uint8Array> {
  readonly #pieces: readonly Uint8Array[];
  readonly #rest: AsyncGenerator<Uint8Array, void, undefined>;
  #waiting = false;
  /** There is no more than was looked at. */
  readonly whole: boolean;

  constructor(
    pieces: readonly Uint8Array[],
    rest: AsyncGenerator<Uint8Array, void, undefined>,
    whole: boolean,
  ) {
    this.#pieces = pieces;
    this.#rest = rest;
    this.whole = whole;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.#pieces;
    try {
      for (;;) {
        this.#waiting = true;
        const { done, value } = await this.#rest.next();
        this.#waiting = false;
        if (done === true) return;
        yield value;
      }
    } finally {
      await this.abandon();
    }
  }

  /**
   * Tells its producer that nobody wants more; after its end it does nothing. Waits for the producer, unless the
   * producer is waited for already: that may take as long as a dump does.
   */
  async abandon(): Promise<void> {
    const ended = this.#rest.return();
    if (this.#waiting) ended.catch(() => {});
    else await ended;
  }
}

/** Reads until there are so many bytes, or all. Whoever asks abandons it in the end. @throws what the body throws */
export async function startOf({ key, body, signal }: PutRequest, bytes: number): Promise<StartOfBody> {
  const rest = interruptible(body, signal, `put of ${key}`);
  const pieces: Uint8Array[] = [];
  for (let length = 0; length < bytes; ) {
    // A piece is its producer's again as soon as the next one is asked for.
    const last = pieces.pop();
    if (last !== undefined) pieces.push(Buffer.from(last));
    const { done, value } = await rest.next();
    if (done === true) return new StartOfBody(pieces, rest, true);
    pieces.push(value);
    length += value.length;
  }
  return new StartOfBody(pieces, rest, false);
}
