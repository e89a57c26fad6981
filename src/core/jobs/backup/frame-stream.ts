/**
 * Turns a stream of plain bytes into the seekable frames of an export object, encrypted where a key is given.
 *
 * Compression runs in libuv's threads, one frame ahead of the reader, so that the main thread only hashes.
 */

import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { AgeEncrypter } from '../../age/encrypter.ts';
import { seekTable } from '../../archive/frames.ts';
import type { FrameSizes } from '../../archive/root.ts';

/** Smaller than a segment's frames: all databases of an account stream at once, each with its own. */
const frameBytes = 1024 * 1024;
const compress = promisify(zstdCompress);
const params = {
  [constants.ZSTD_c_compressionLevel]: 3,
  [constants.ZSTD_c_checksumFlag]: 1,
  [constants.ZSTD_c_contentSizeFlag]: 1,
};

export class FrameStream implements AsyncIterable<Uint8Array> {
  readonly frames: FrameSizes[] = [];
  plainBytes = 0;
  storedBytes = 0;
  /** What the source threw, to tell a broken source from a broken destination. */
  sourceError: unknown = null;
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #onBytes: (bytes: number) => void;
  readonly #plainHash = createHash('sha256');
  readonly #storedHash = createHash('sha256');
  readonly #publicKey: Uint8Array | null;
  #digests: { plain: string; stored: string } | null = null;

  /** @param publicKey 32 bytes of the owner's epoch; null stores plain frames */
  constructor(
    source: AsyncIterable<Uint8Array>,
    onBytes: (bytes: number) => void = () => {},
    publicKey: Uint8Array | null = null,
  ) {
    this.#publicKey = publicKey;
    this.#source = source;
    this.#onBytes = onBytes;
  }

  /** Hashes in hex of the plain and of the stored bytes, once the stream has ended. */
  digests(): { readonly plain: string; readonly stored: string } {
    this.#digests ??= { plain: this.#plainHash.digest('hex'), stored: this.#storedHash.digest('hex') };
    return this.#digests;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const encrypter = this.#publicKey === null ? null : new AgeEncrypter(this.#publicKey);
    for await (const frame of this.#compressed()) {
      const bytes = encrypter === null ? frame : encrypter.push(frame);
      if (bytes.length > 0) yield this.#count(bytes);
    }
    if (encrypter !== null) yield this.#count(encrypter.end());
  }

  async *#compressed(): AsyncGenerator<Buffer> {
    let ahead: Promise<Buffer> | null = null;
    for await (const plain of this.#plainFrames()) {
      const next = compress(plain, { params, chunkSize: plain.length + 65536 });
      next.catch(() => {}); // it is awaited below, perhaps after the source has failed
      if (ahead !== null) yield this.#out(await ahead, this.frames.length);
      this.frames.push({ compressed: 0, plain: plain.length });
      ahead = next;
    }
    if (ahead !== null) yield this.#out(await ahead, this.frames.length);
    yield seekTable(this.frames);
  }

  #out(frame: Buffer, number: number): Buffer {
    this.frames[number - 1] = { compressed: frame.length, plain: this.frames[number - 1]!.plain };
    return frame;
  }

  #count(bytes: Buffer): Buffer {
    this.#storedHash.update(bytes);
    this.storedBytes += bytes.length;
    return bytes;
  }

  async *#plainFrames(): AsyncGenerator<Buffer> {
    let buffer = Buffer.allocUnsafeSlow(frameBytes);
    let used = 0;
    try {
      for await (const piece of this.#source) {
        this.#plainHash.update(piece);
        this.plainBytes += piece.length;
        this.#onBytes(piece.length);
        for (let at = 0; at < piece.length; ) {
          const part = Math.min(frameBytes - used, piece.length - at);
          buffer.set(piece.subarray(at, at + part), used);
          used += part;
          at += part;
          if (used < frameBytes) continue;
          yield buffer;
          buffer = Buffer.allocUnsafeSlow(frameBytes);
          used = 0;
        }
      }
    } catch (error) {
      this.sourceError = error;
      throw error;
    }
    if (used > 0) yield buffer.subarray(0, used);
  }
}
