/**
 * Compresses a dump on its way into a file: zstd or gzip in libuv's threads, so that the main thread only
 * hands bytes over.
 *
 * zstd works on frames of a few MiB, of which several are in work at once; readers take a file of many
 * frames for one. gzip is a single member, because not every reader goes on after the first.
 */

import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createGzip, zstdCompress } from 'node:zlib';

export const compressions = ['zstd', 'gzip', 'none'] as const;
export type Compression = (typeof compressions)[number];

export const endingOf: Readonly<Record<Compression, string>> = { zstd: '.zst', gzip: '.gz', none: '' };

const frameBytes = 2 * 1024 * 1024;
const framesAhead = 2;
/** Of the compressor's output: text shrinks to a fifth, and what does not comes in several chunks. */
const chunkSize = 512 * 1024;
const compressFrame = promisify(zstdCompress);
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
  const free: Buffer[] = [];
  const inWork: Promise<Buffer>[] = [];
  for await (const plain of frames(body, () => free.pop() ?? Buffer.allocUnsafeSlow(frameBytes))) {
    const frame = compressFrame(plain, { params, chunkSize });
    // Its memory serves again: pages that the kernel has to clear anew cost as much as the compression.
    frame.then(
      () => free.push(Buffer.from(plain.buffer)),
      () => {},
    );
    inWork.push(frame);
    if (inWork.length > framesAhead) yield await inWork.shift()!;
  }
  for (const frame of inWork) yield await frame;
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
