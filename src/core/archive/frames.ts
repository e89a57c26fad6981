/**
 * Segments and exports as a row of independent zstd frames with a seek table at the end.
 *
 * `FrameWriter` collects plain bytes in one reused buffer and gives each full frame away, to be compressed at
 * once (no streams: one call per 4 MiB). The layout is the zstd seekable format (facebook/zstd,
 * contrib/seekable_format), so any zstd decompresses it.
 */

import { constants, zstdCompressSync } from 'node:zlib';
import type { FrameSizes } from './root.ts';

/** Plain bytes in a frame, at most. */
export const frameBytes = 4 * 1024 * 1024;

/** Level 2: against level 3 a quarter less processor time for 3 % more bytes. */
const compressParams = {
  [constants.ZSTD_c_compressionLevel]: 2,
  [constants.ZSTD_c_checksumFlag]: 1,
  [constants.ZSTD_c_contentSizeFlag]: 1,
};

/** One frame, at the level all data objects use. */
export function compressFrame(plain: Uint8Array): Buffer {
  // Room for the whole result at once: zstd then works in one pass, which is faster and a little smaller.
  const room = plain.length + 65536;
  return withoutRoom(zstdCompressSync(plain, { params: compressParams, chunkSize: room }));
}

/** Level 1: pages are hashes and numbers for the most part, and a higher one saves a thirtieth for twice the time. */
export function compressPart(plain: Uint8Array): Buffer {
  const params = {
    [constants.ZSTD_c_compressionLevel]: 1,
    [constants.ZSTD_c_checksumFlag]: 1,
    [constants.ZSTD_c_contentSizeFlag]: 1,
  };
  return withoutRoom(zstdCompressSync(plain, { params, chunkSize: plain.length + 1024 }));
}

/**
 * The same bytes, in memory that is not mostly room: a few of them, sent to another thread or waiting for a store, would
 * hold megabytes that nobody counts. What leaves less than half of it unused stays where it is.
 */
function withoutRoom(bytes: Buffer): Buffer {
  if (2 * bytes.length > bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  releaseBuffer(bytes);
  return own;
}

export function seekTable(frames: readonly FrameSizes[]): Buffer {
  const table = Buffer.alloc(8 + frames.length * 8 + 9);
  table.writeUInt32LE(0x184d2a5e, 0);
  table.writeUInt32LE(table.length - 8, 4);
  let at = 8;
  for (const frame of frames) {
    table.writeUInt32LE(frame.compressed, at);
    table.writeUInt32LE(frame.plain, at + 4);
    at += 8;
  }
  table.writeUInt32LE(frames.length, at);
  table.writeUInt32LE(0x8f92eab1, at + 5);
  return table;
}

/** Takes the plain frames of one object, in their order. */
export interface FrameTarget {
  /** `plain` is filled anew afterwards: whoever needs it longer copies it. */
  frame(plain: Buffer): void;
  /** There are no more. */
  end(): void;
}

/** That of the last writer that ended: a night has many small segments, and the kernel clears every new buffer. */
let spare: Buffer | null = null;
const noBuffer = Buffer.alloc(0);

export class FrameWriter {
  /** Fill it up to `frameBytes` from `used`, then `advance`. */
  buffer: Buffer = takeSpare() ?? Buffer.allocUnsafeSlow(frameBytes);
  used = 0;
  readonly #target: FrameTarget;
  /** Of the frames given away. */
  #plainBytes = 0;

  constructor(target: FrameTarget) {
    this.#target = target;
  }

  /** Offset in the plain stream at which the next byte will stand. */
  get position(): number {
    return this.#plainBytes + this.used;
  }

  get room(): number {
    return frameBytes - this.used;
  }

  /** Says that `length` bytes were put at `used`. Closes the frame when it is full. */
  advance(length: number): void {
    this.used += length;
    if (this.used === frameBytes) this.flush();
  }

  write(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const part = Math.min(this.room, bytes.length - from);
      this.buffer.set(bytes.subarray(from, from + part), this.used);
      from += part;
      this.advance(part);
    }
  }

  /** Gives away what has been collected. */
  flush(): void {
    if (this.used === 0) return;
    this.#target.frame(this.buffer.subarray(0, this.used));
    this.#plainBytes += this.used;
    this.used = 0;
  }

  /** Gives away the rest; nothing can be written afterwards. */
  finish(): void {
    this.flush();
    this.discard();
    this.#target.end();
  }

  /** Ends a writer of which nothing more is wanted: its buffer goes to the next one. May be called again. */
  discard(): void {
    if (spare === null && this.buffer !== noBuffer) spare = this.buffer;
    else releaseBuffer(this.buffer);
    this.buffer = noBuffer;
  }
}

function takeSpare(): Buffer | null {
  const taken = spare;
  spare = null;
  return taken;
}

/**
 * Gives the memory of a buffer back, of which nobody needs a byte any more. The collector would let tens of
 * megabytes pile up in each thread: it hardly counts what lies outside its heap.
 */
export function releaseBuffer({ buffer }: Uint8Array): void {
  // Small ones may lie in Node's pool, beside others.
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}

/** Finds frames of one object by plain offset. */
export class FrameMap {
  readonly #plainStarts: number[] = [];
  readonly #storedStarts: number[] = [];
  readonly frames: readonly FrameSizes[];

  constructor(frames: readonly FrameSizes[]) {
    this.frames = frames;
    let [plain, stored] = [0, 0];
    for (const frame of frames) {
      this.#plainStarts.push(plain);
      this.#storedStarts.push(stored);
      plain += frame.plain;
      stored += frame.compressed;
    }
  }

  /** Number of the frame that holds the byte at `offset`; -1 where none does. */
  find(offset: number): number {
    let [low, high] = [0, this.frames.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#plainStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    const frame = this.frames[low];
    if (frame === undefined || offset < 0 || offset >= this.#plainStarts[low]! + frame.plain) return -1;
    return low;
  }

  plainStart(frame: number): number {
    return this.#plainStarts[frame]!;
  }

  storedStart(frame: number): number {
    return this.#storedStarts[frame]!;
  }
}
