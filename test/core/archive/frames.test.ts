import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FrameSealer, type SealedObject, type SealedSink } from '../../../src/core/archive/frame-sealer.ts';
import { plainFrames } from '../../../src/core/archive/frame-splitter.ts';
import {
  compressFrame,
  FrameMap,
  FrameWriter,
  frameBytes,
  seekTable,
} from '../../../src/core/archive/frames.ts';
import { seededRandom } from '../../support/seeded-random.ts';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function plainOf(bytes: Buffer, size = 1000): Promise<Buffer> {
  const frames: Buffer[] = [];
  for await (const frame of plainFrames(inPieces(bytes, size), 'object x')) frames.push(frame);
  return Buffer.concat(frames);
}

const random = seededRandom(3);
const noise = Buffer.from(Array.from({ length: 70_000 }, () => Math.floor(random() * 256)));
const texts = [Buffer.from('small'), Buffer.alloc(300_000, 'compressible '), noise];
const stored = Buffer.concat([
  ...texts.map((text) => compressFrame(text)),
  seekTable(texts.map((text) => ({ compressed: compressFrame(text).length, plain: text.length }))),
]);

describe('the frame splitter', () => {
  it.each([1, 7, 4096, 1_000_000])(
    'finds whole frames in pieces of %d bytes and passes over the seek table',
    async (size) => {
      expect((await plainOf(stored, size)).equals(Buffer.concat(texts))).toBe(true);
    },
  );

  it('takes what the zstd program writes, with its own header forms', async () => {
    const made = [['-1'], ['-19', '--no-check'], ['-3', '--no-content-size']].map((flags) =>
      execFileSync('zstd', ['-qc', ...flags], { input: noise }),
    );

    expect((await plainOf(Buffer.concat(made))).equals(Buffer.concat([noise, noise, noise]))).toBe(true);
  });

  it.each<[string, Buffer]>([
    ['it ends in the middle of a frame', stored.subarray(0, 1000)],
    [
      'it is not a zstd stream',
      Buffer.concat([compressFrame(texts[0]!), Buffer.from('garbage that follows')]),
    ],
    ['it is not a zstd stream', Buffer.alloc(100)],
    [
      'a frame cannot be decompressed',
      Buffer.from(stored).fill(0x55, stored.length - 1000, stored.length - 998),
    ],
    ['a frame cannot be decompressed', compressFrame(Buffer.alloc(frameBytes + 1))],
  ])('refuses a stream where %s', async (why, bytes) => {
    await expect(plainOf(bytes)).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
      message: `object x is damaged: ${why}`,
    });
  });
});

it('a frame holds hardly more memory than it has bytes, however well it was compressed', () => {
  for (const plain of [Buffer.alloc(frameBytes), Buffer.alloc(frameBytes, noise)]) {
    const frame = compressFrame(plain);
    expect(frame.buffer.byteLength).toBeLessThan(2 * frame.length);
  }
});

describe('the frame writer', () => {
  it('cuts at 4 MiB, and what it emits is one stream for zstd, with the hash it names', () => {
    const out: Buffer[] = [];
    const told: number[] = [];
    let object: SealedObject | null = null;
    const sink: SealedSink = {
      bytes(bytes, plainBytes) {
        out.push(bytes);
        told.push(plainBytes);
      },
      done: (done) => (object = done),
    };
    const writer = new FrameWriter(new FrameSealer(sink, null));
    const data = Buffer.alloc(frameBytes + 12_345, noise);
    for (let at = 0; at < data.length; at += 999_999) writer.write(data.subarray(at, at + 999_999));
    writer.finish();
    const bytes = Buffer.concat(out);

    expect(object).toMatchObject({
      frames: [{ plain: frameBytes }, { plain: 12_345 }],
      plainBytes: data.length,
      storedBytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest(),
      sealed: null,
    });
    expect(told, 'of the tar, done with each piece').toEqual([frameBytes, 12_345, 0]);
    expect(writer.buffer.length, 'memory that is kept').toBe(0);
    expect(execFileSync('zstd', ['-dcq'], { input: bytes, maxBuffer: 2 * frameBytes }).equals(data)).toBe(
      true,
    );
    // The footer of the seekable format: number of frames, descriptor, magic.
    expect(bytes.subarray(-9)).toEqual(Buffer.from('0200000000b1ea928f', 'hex'));
  });
});

describe('the frame map', () => {
  it('finds the frame of every offset at its edges, and none outside', () => {
    const map = new FrameMap([10, 5, 20].map((plain) => ({ compressed: plain * 2, plain })));

    expect([0, 9, 10, 14, 15, 34].map((offset) => map.find(offset))).toEqual([0, 0, 1, 1, 2, 2]);
    expect([-1, 35, 2 ** 50].map((offset) => map.find(offset))).toEqual([-1, -1, -1]);
    expect([map.plainStart(2), map.storedStart(2)]).toEqual([15, 30]);
    expect(new FrameMap([]).find(0)).toBe(-1);
  });
});
