/**
 * Segments and exports as a row of independent zstd frames with a seek table at the end.
 *
 * `FrameWriter` collects plain bytes in one reused buffer, compresses each full frame at once (no
 * streams: one call per 4 MiB) and hands it to `emit`. The layout is the zstd seekable format
 * (facebook/zstd, contrib/seekable_format), so any zstd decompresses it.
 */

import { createHash, type Hash } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';
import { AgeEncrypter } from '../encryption/age-encrypter.ts';
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
  return zstdCompressSync(plain, { params: compressParams, chunkSize: plain.length + 65536 });
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

/** That of the last writer that ended: a night has many small segments, and the kernel clears every new buffer. */
let spare: Buffer | null = null;
const noBuffer = Buffer.alloc(0);

export class FrameWriter {
  /** Fill it up to `frameBytes` from `used`, then `advance`. */
  buffer: Buffer = takeSpare() ?? Buffer.allocUnsafeSlow(frameBytes);
  used = 0;
  readonly frames: FrameSizes[] = [];
  storedBytes = 0;
  /** Plain bytes of the frames already emitted. */
  plainBytes = 0;
  readonly #hash: Hash = createHash('sha256');
  readonly #emit: (frame: Buffer) => void;
  readonly #encrypter: AgeEncrypter | null;

  /** @param publicKey 32 bytes of the owner's epoch; null stores plain frames */
  constructor(emit: (frame: Buffer) => void, publicKey: Uint8Array | null = null) {
    this.#emit = emit;
    this.#encrypter = publicKey === null ? null : new AgeEncrypter(publicKey);
  }

  /** What the index remembers of an encrypted object's header; null where it is plain. */
  get sealed(): Buffer | null {
    return this.#encrypter?.sealed ?? null;
  }

  /** Offset in the plain stream at which the next byte will stand. */
  get position(): number {
    return this.plainBytes + this.used;
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

  /** Compresses and emits what has been collected. */
  flush(): void {
    if (this.used === 0) return;
    const frame = compressFrame(this.buffer.subarray(0, this.used));
    this.frames.push({ compressed: frame.length, plain: this.used });
    this.plainBytes += this.used;
    this.used = 0;
    this.#out(frame);
  }

  /** Emits the rest and the seek table; nothing can be written afterwards. @returns SHA-256 of all that was emitted */
  finish(): Buffer {
    this.flush();
    this.discard();
    this.#out(seekTable(this.frames));
    if (this.#encrypter !== null) this.#store(this.#encrypter.end());
    return this.#hash.digest();
  }

  /** Ends a writer of which nothing more is wanted: its buffer goes to the next one. May be called again. */
  discard(): void {
    if (spare === null && this.buffer !== noBuffer) spare = this.buffer;
    else release(this.buffer);
    this.buffer = noBuffer;
  }

  #out(payload: Buffer): void {
    const bytes = this.#encrypter === null ? payload : this.#encrypter.push(payload);
    if (bytes.length > 0) this.#store(bytes);
    if (bytes !== payload) release(payload);
  }

  #store(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.storedBytes += bytes.length;
    this.#emit(bytes);
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
function release({ buffer }: Buffer): void {
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
