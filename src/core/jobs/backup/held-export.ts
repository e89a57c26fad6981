/**
 * Holds an export back while it may still turn out to be what an earlier snapshot holds already.
 *
 * All exports of an account share one budget of memory. One that is larger than what is left of it goes to the
 * store at once.
 */

import type { ObjectRef } from '../../archive/manifest.ts';
import type { FrameStream } from './frame-stream.ts';

/** An export of an earlier snapshot, with the object it lies in. */
export interface EarlierExport {
  readonly plainBytes: number;
  /** Of the plain bytes, hex. */
  readonly sha256: string;
  readonly object: ObjectRef;
}

export class HoldBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

export const isSameExport = (stream: FrameStream, earlier: EarlierExport): boolean =>
  stream.plainBytes === earlier.plainBytes && stream.digests().plain === earlier.sha256;

/**
 * Calls `put` unless the stream, held back whole, is the earlier export. `put` gets the size where it is known.
 *
 * @returns whether `put` was called
 * @throws what the stream or `put` threw
 */
export async function putUnlessSame(
  stream: FrameStream,
  earlier: EarlierExport,
  budget: HoldBudget,
  put: (body: AsyncIterable<Uint8Array>, sizeBytes?: number) => Promise<void>,
): Promise<boolean> {
  const pieces = stream[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  let taken = 0;
  async function* resumed(): AsyncGenerator<Uint8Array> {
    for (let piece = held.shift(); piece !== undefined; piece = held.shift()) yield piece;
    budget.give(taken);
    taken = 0;
    yield* pieces;
  }
  try {
    for (;;) {
      const next = await pieces.next();
      if (next.done === true) {
        if (isSameExport(stream, earlier)) return false;
        await put(resumed(), stream.storedBytes);
        return true;
      }
      held.push(next.value);
      const fits = stream.plainBytes <= earlier.plainBytes && budget.take(next.value.length);
      if (fits) taken += next.value.length;
      else {
        await put(resumed());
        return true;
      }
    }
  } finally {
    budget.give(taken);
    await pieces.return(undefined);
  }
}
