/**
 * Growing writer and bounds-checked reader for the binary parts of the format (docs/format.md).
 *
 * Numbers are unsigned LEB128 varints unless said otherwise. A reader that meets the end of its bytes
 * too early throws OBJECT_DAMAGED: whatever lies in a store is treated as possibly hostile.
 */

import { HoldfastError } from '../errors.ts';

const high = 0x80000000;

export class ByteWriter {
  #buffer: Buffer;
  length = 0;

  constructor(capacity = 4096) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  #room(size: number): Buffer {
    if (this.length + size > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.length + size));
      this.#buffer.copy(grown, 0, 0, this.length);
      this.#buffer = grown;
    }
    return this.#buffer;
  }

  byte(value: number): void {
    this.#room(1)[this.length++] = value;
  }

  /** A non-negative safe integer. @throws TypeError it is none, so what is read back would be another */
  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${value} is no number of the format`);
    const buffer = this.#room(10);
    let rest = value;
    while (rest >= high) {
      buffer[this.length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 0x80) {
      buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[this.length++] = rest;
  }

  varint64(value: bigint): void {
    if (value <= 0x1fffffffffffffn) {
      this.varint(Number(value));
      return;
    }
    let rest = value;
    while (rest >= 0x80n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  /** Any integer of 64 bits, as far as a number tells them apart. */
  zigzag(value: number): void {
    if (Math.abs(value) < 2 ** 52) this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
    else this.varint64(BigInt.asUintN(64, value >= 0 ? BigInt(value) * 2n : -BigInt(value) * 2n - 1n));
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length).set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The bytes of `from` between `start` and `end`. */
  span(from: Buffer, start: number, end: number): void {
    const buffer = this.#room(end - start);
    // A call into native code costs as much as some dozens of bytes.
    if (end - start > 64) from.copy(buffer, this.length, start, end);
    else for (let i = start, at = this.length; i < end; i++) buffer[at++] = from[i]!;
    this.length += end - start;
  }

  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A view of what was written; valid until the next write. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  /** A copy of what was written. */
  copy(): Buffer {
    return Buffer.from(this.view());
  }

  reset(): void {
    this.length = 0;
  }
}

export class ByteReader {
  readonly #buffer: Buffer;
  readonly end: number;
  offset: number;
  /** Of what `varintLow` read last, the upper 32 bits. */
  high = 0;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.offset = start;
    this.end = end;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  #short(): never {
    throw new HoldfastError('OBJECT_DAMAGED', 'an index ends in the middle of a record', {
      hint: 'Run `holdfast verify` to see which snapshots are affected.',
    });
  }

  byte(): number {
    if (this.offset >= this.end) this.#short();
    return this.#buffer[this.offset++]!;
  }

  varint(): number {
    let value = this.byte();
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    let scale = 2 ** 28;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
      if (scale > 2 ** 56) this.#short();
    }
    if (!Number.isSafeInteger(value)) this.#short();
    return value;
  }

  varint64(): bigint {
    const start = this.offset;
    let low = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.byte();
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) return BigInt(low);
      scale *= 128;
    }
    this.offset = start;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return this.#short();
  }

  /** A number of 64 bits as two of 32: returns the lower bits, `high` has the others. */
  varintLow(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      if (shift < 28) low |= (byte & 0x7f) << shift;
      else if (shift > 28) high |= (byte & 0x7f) << (shift - 32);
      else {
        low |= byte << 28;
        high = (byte & 0x7f) >>> 4;
      }
      if (byte < 0x80) break;
      if (shift > 56) this.#short();
    }
    this.high = high >>> 0;
    return low >>> 0;
  }

  skipVarint(): void {
    while (this.byte() >= 0x80);
  }

  skip(length: number): void {
    if (this.offset + length > this.end) this.#short();
    this.offset += length;
  }

  zigzag(): number {
    let last = this.offset;
    while ((this.#buffer[last] ?? 0) >= 0x80) last++;
    if (last - this.offset >= 7) {
      const large = this.varint64();
      return Number(large % 2n === 0n ? large / 2n : -(large + 1n) / 2n);
    }
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A view into the underlying buffer. */
  raw(length: number): Buffer {
    if (this.offset + length > this.end) this.#short();
    const start = this.offset;
    this.offset += length;
    return this.#buffer.subarray(start, this.offset);
  }

  bytes(): Buffer {
    return this.raw(this.varint());
  }
}
