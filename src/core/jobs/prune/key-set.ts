/**
 * A set of store keys at 16 bytes each: for every object of a store in little memory.
 *
 * Holds digests, not keys. Two keys with one digest would make `has` say yes for both; what is asked here is
 * whether something must stay, so that errs on the safe side.
 */

import { hash } from 'node:crypto';

const width = 16;

export class KeySet {
  #sorted: Buffer = Buffer.alloc(0);
  /** Added since the last look-up. */
  #fresh: Set<string> = new Set();

  add(key: string): void {
    this.#fresh.add(digestOf(key));
  }

  addAll(keys: Iterable<string>): void {
    for (const key of keys) this.add(key);
  }

  has(key: string): boolean {
    const wanted = Buffer.from(digestOf(key), 'latin1');
    if (this.#fresh.size > 0) this.pack();
    let [low, high] = [0, this.#sorted.length / width];
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = this.#sorted.compare(wanted, 0, width, middle * width, (middle + 1) * width);
      if (order === 0) return true;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return false;
  }

  /** Moves what was added into its final, small form. `has` does so by itself. */
  pack(): void {
    const all: Buffer[] = [];
    for (let at = 0; at < this.#sorted.length; at += width) all.push(this.#sorted.subarray(at, at + width));
    for (const digest of this.#fresh) all.push(Buffer.from(digest, 'latin1'));
    this.#sorted = Buffer.concat(all.sort(Buffer.compare));
    this.#fresh = new Set();
  }
}

const digestOf = (key: string): string => hash('sha256', key, 'buffer').toString('latin1', 0, width);
