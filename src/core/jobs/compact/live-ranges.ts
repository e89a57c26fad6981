/**
 * Which bytes of one object are still referred to: a union of ranges, and how much of the object is dead.
 *
 * Memory follows the number of separate ranges, not how often each was named: thirty snapshots that refer
 * to one file cost what one does.
 */

import type { ObjectRow } from '../../archive/root.ts';

/**
 * What lies between two contents that are both alive: the headers of a member, a pax header with times and
 * ids among them, and padding.
 */
const gapBytes = 2048;

const packAt = 65_536;

export class LiveRanges {
  /** Begin and end of each range; the first `#packed` pairs ascend and do not touch. */
  #pairs: number[] = [];
  #packed = 0;

  add(offset: number, length: number): void {
    if (length === 0) return;
    this.#pairs.push(offset, offset + length);
    if (this.#pairs.length - this.#packed > Math.max(packAt, this.#packed)) this.#pack();
  }

  /** Bytes that something refers to. */
  get liveBytes(): number {
    let sum = 0;
    for (const [begin, end] of this.#ranges()) sum += end - begin;
    return sum;
  }

  get count(): number {
    this.#pack();
    return this.#pairs.length / 2;
  }

  /** Of `totalBytes` of tar, those that neither hold living contents nor can be their headers. */
  deadBytes(totalBytes: number): number {
    let dead = 0;
    for (const [begin, end] of this.#deadRanges(totalBytes)) dead += end - begin;
    return dead;
  }

  /** About what the rest takes of the object as it is stored: frames are not compressed alike. */
  storedBytes({ frames }: Pick<ObjectRow, 'frames'>): number {
    const total = frames.reduce((sum, { plain }) => sum + plain, 0);
    const dead = [...this.#deadRanges(total)];
    let [stored, at, i] = [0, 0, 0];
    for (const { compressed, plain } of frames) {
      const end = at + plain;
      let alive = plain;
      for (; i < dead.length && dead[i]![0] < end; i++) {
        alive -= Math.min(dead[i]![1], end) - Math.max(dead[i]![0], at);
        // The next frame begins in it.
        if (dead[i]![1] > end) break;
      }
      if (plain > 0) stored += (compressed * alive) / plain;
      at = end;
    }
    return Math.round(stored);
  }

  *#deadRanges(totalBytes: number): Generator<readonly [begin: number, end: number]> {
    let at = 0;
    for (const [begin, end] of this.#ranges()) {
      if (begin > at + gapBytes) yield [at + gapBytes, begin];
      at = end;
    }
    if (totalBytes > at + gapBytes) yield [at + gapBytes, totalBytes];
  }

  *#ranges(): Generator<readonly [begin: number, end: number]> {
    this.#pack();
    for (let i = 0; i < this.#pairs.length; i += 2) yield [this.#pairs[i]!, this.#pairs[i + 1]!];
  }

  #pack(): void {
    if (this.#packed === this.#pairs.length) return;
    const ranges: (readonly [number, number])[] = [];
    for (let i = 0; i < this.#pairs.length; i += 2) ranges.push([this.#pairs[i]!, this.#pairs[i + 1]!]);
    ranges.sort((a, b) => a[0] - b[0]);
    const packed: number[] = [];
    for (const [begin, end] of ranges) {
      if (packed.length > 0 && begin <= packed.at(-1)!)
        packed[packed.length - 1] = Math.max(end, packed.at(-1)!);
      else packed.push(begin, end);
    }
    this.#pairs = packed;
    this.#packed = packed.length;
  }
}
