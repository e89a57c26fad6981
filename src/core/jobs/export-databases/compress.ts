/**
 * Compresses a dump on its way into a file: zstd or gzip in libuv's threads, so that the main thread only
 * hands bytes over.
 *
 * zstd works on frames of a few MiB, which is faster than one frame whose window moves; readers take a file of
 * many frames for one. gzip is a single member, because not every reader goes on after the first.
 */

import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';

export const compressions = ['zstd', 'gzip', 'none'] as const;
export type Compression = (typeof compressions)[number];

export const endingOf: Readonly<Record<Compression, string>> = { zstd: '.zst', gzip: '.gz', none: '' };

const frameBytes = 1024 * 1024;
/** Of the compressor's output: text shrinks to a fifth, and what does not comes in several chunks. */
const chunkSize = 256 * 1024;
const params = {
  [constants.ZSTD_c_compressionLevel]: 3,
  [constants.ZSTD_c_checksumFlag]: 1,
};

/** Rejects as `body` does. */
export function compressed(
  body: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncIterable<Uint8Array> {
  if (compression === 'none') return body;
  return compression === 'gzip' ? gzip(body) : zstd(body);
}

async function* zstd(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const compressor = idle.pop() ?? new Compressor();
  let complete = false;
  try {
    const { buffers } = compressor;
    let inWork = Promise.resolve();
    for await (const plain of frames(body, () => buffers.reverse()[0]!)) {
      await inWork;
      yield* compressor.taken();
      inWork = compressor.write(plain);
      inWork.catch(() => {}); // awaited before the next, or at the end
    }
    await inWork;
    yield* compressor.taken();
    complete = true;
  } finally {
    if (complete && idle.length < mostIdle) idle.push(compressor);
    else compressor.destroy();
  }
}

/** Compressors between two dumps: the kernel would have to clear the memory of new ones page by page. */
const idle: Compressor[] = [];
const mostIdle = 8;

/** Each write is a frame of its own, and all use the same memory. */
class Compressor {
  /** One is filled while the other is compressed. */
  readonly buffers: [Buffer, Buffer] = [
    Buffer.allocUnsafeSlow(frameBytes),
    Buffer.allocUnsafeSlow(frameBytes),
  ];
  readonly #stream = createZstdCompress({ params, chunkSize, flush: constants.ZSTD_e_end });
  #out: Buffer[] = [];

  constructor() {
    this.#stream.on('data', (bytes: Buffer) => this.#out.push(bytes));
    this.#stream.on('error', () => {}); // the write that failed tells
  }

  /** `bytes` must stay as they are until this resolves. */
  async write(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** What has been compressed since the last call. */
  taken(): Buffer[] {
    while (this.#stream.readableLength > 0 && this.#stream.read() !== null);
    const taken = this.#out;
    this.#out = [];
    return taken;
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

/** Whole buffers from `take`, the last one in part. */
async function* frames(body: AsyncIterable<Uint8Array>, take: () => Buffer): AsyncGenerator<Buffer> {
  let frame = take();
  let used = 0;
  for await (const part of body) {
    for (let at = 0; at < part.length; ) {
      const bytes = Math.min(frameBytes - used, part.length - at);
      frame.set(part.subarray(at, at + bytes), used);
      used += bytes;
      at += bytes;
      if (used < frameBytes) continue;
      yield frame;
      frame = take();
      used = 0;
    }
  }
  if (used > 0) yield frame.subarray(0, used);
}

async function* gzip(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const out = new PassThrough();
  const done = pipeline(body, createGzip({ level: 6, chunkSize: 256 * 1024 }), out);
  done.catch(() => {}); // reading `out` rejects with the same
  try {
    yield* out as AsyncIterable<Uint8Array>;
    await done;
  } finally {
    out.destroy();
  }
}
