/**
 * The service's clock, as its answers tell it: by it locks end, whatever the clock of this machine says.
 *
 * Before the first answer it is this machine's.
 */

export class ServiceClock {
  #aheadMs = performance.timeOrigin;

  /** An answer was dated so. Whole seconds are all that services tell. */
  heard(dateMs: number): void {
    this.#aheadMs = dateMs - performance.now();
  }

  now(): number {
    return this.#aheadMs + performance.now();
  }
}
