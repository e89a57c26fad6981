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
  const inWork: Promise<Buffer>[] = [];
  for await (const plain of pieces(body)) {
    const frame = compressFrame(plain, { params, chunkSize: plain.length + 65_536 });
    frame.catch(() => {}); // it is awaited below, perhaps after the body has failed
    inWork.push(frame);
    if (inWork.length > framesAhead) yield await inWork.shift()!;
  }
  for (const frame of inWork) yield await frame;
}

/** Joined up to the size of a frame, without copying twice. */
async function* pieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    parts.push(part);
    bytes += part.length;
    if (bytes < frameBytes) continue;
    yield Buffer.concat(parts, bytes);
    parts = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(parts, bytes);
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
