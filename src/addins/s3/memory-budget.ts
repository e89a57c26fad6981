/**
 * Bytes of memory that uploads share. Counting only: nobody queues here, so nobody can wait for
 * somebody who waits in turn.
 */

export class MemoryBudget {
  readonly #limit: number;
  #taken = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes the bytes if they are free. */
  tryTake(bytes: number): boolean {
    if (this.#taken + bytes > this.#limit) return false;
    this.#taken += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#taken -= bytes;
  }
}
