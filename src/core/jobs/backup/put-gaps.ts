/**
 * For how long what a run had put could look left over, for stores that cannot be asked whether it is still there.
 *
 * Prune removes what no manifest names once all that the run has put in that class, data or index, is a day old. So a run
 * that goes on putting keeps it all, however long it takes; what counts is the time in which nothing came, as where the
 * machine was suspended. By the wall clock, which goes on then.
 *
 * Services that date an object by the beginning of its upload show one that took a day as old at once. That is not counted: it
 * lies there for seconds until the manifest, and the index of every run of more than a day would be such a one.
 */

/** An object may be in the store, and get its time there, from the moment its last byte was taken. */
export class PutGaps {
  readonly #now: () => number;
  /** By class: when the last byte of the latest object was taken, of those that are surely there. */
  readonly #latestMs = new Map<string, number>();
  #longestMs = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Passes the body of an object on to its put. */
  async follow<T>(
    key: string,
    body: AsyncIterable<Uint8Array>,
    put: (body: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    const kind = key.slice(0, key.indexOf('/'));
    const now = this.#now;
    let takenMs = now();
    async function* noted(): AsyncGenerator<Uint8Array> {
      yield* body;
      takenMs = now();
    }
    const result = await put(noted());
    // The answer may have waited for as long as the machine slept.
    const latestMs = this.#latestMs.get(kind) ?? takenMs;
    this.#longestMs = Math.max(this.#longestMs, now() - latestMs);
    this.#latestMs.set(kind, Math.max(latestMs, takenMs));
    return result;
  }

  /** The longest gap until now, in ms. */
  get longestMs(): number {
    return Math.max(this.#longestMs, ...[...this.#latestMs.values()].map((one) => this.#now() - one));
  }
}
