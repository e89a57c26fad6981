import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IndexFiles, IndexFileWriter } from '../../../../src/core/jobs/parents/index-files.ts';

const piece = 64 * 1024;
const id = '0123456789abcdef0123456789abcdef';
const owner = '6b0f1f1e-0000-4000-8000-000000000001';
const key = `index/${owner}/${owner}/${id}.idx`;

describe('cached index objects', () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-index-files-'));
    path = join(directory, `${id}.idx`);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function keep(bytes: Buffer, stride: number): void {
    const writer = new IndexFileWriter(directory, key);
    for (let at = 0; at < bytes.length; at += stride) writer.write(bytes.subarray(at, at + stride));
    writer.finish();
  }

  const read = (offset: number, length: number): Buffer | null => {
    const files = new IndexFiles(directory);
    try {
      return files.read(key, { offset, length });
    } finally {
      files.close();
    }
  };

  it.each([1, piece - 1, piece, piece + 1, 3 * piece, 3 * piece + 100])('gives back %i bytes', (size) => {
    const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7) % 251));
    for (const stride of [1000, piece, size]) {
      keep(bytes, stride);
      const files = new IndexFiles(directory);
      const ranges = [
        [0, size],
        [size - 1, 1],
        [0, 1],
        [size >> 1, size - (size >> 1)],
      ] as const;
      // The second time from pieces that were checked.
      for (const [offset, length] of [...ranges, ...ranges]) {
        expect(files.read(key, { offset, length })?.equals(bytes.subarray(offset, offset + length))).toBe(
          true,
        );
      }
      expect(files.read(key, { offset: 0, length: size + 1 })).toBeNull();
      files.close();
    }
  });

  it('finds one altered byte, and keeps what lies in other pieces', () => {
    const bytes = Buffer.alloc(3 * piece, 'x');
    keep(bytes, 5000);
    const written = readFileSync(path);
    written[piece + 10]! ^= 1;
    writeFileSync(path, written);
    expect(read(piece, 5)).toBeNull();
    expect(read(piece - 5, 10)).toBeNull();
    expect(read(0, piece)?.equals(bytes.subarray(0, piece))).toBe(true);
    expect(read(2 * piece, piece)?.equals(bytes.subarray(0, piece))).toBe(true);
    const files = new IndexFiles(directory);
    const placed = [piece, piece - 5, 0, 2 * piece].map((offset) => files.place(key, { offset, length: 10 }));
    expect(placed).toEqual([null, null, path, path]);
    expect(files.place(key, { offset: 3 * piece - 5, length: 10 })).toBeNull();
    files.close();
  });

  it('takes nothing from a file whose end is not what was written', () => {
    keep(Buffer.alloc(2 * piece, 'x'), 5000);
    const written = readFileSync(path);
    for (const at of [2 * piece + 3, written.length - 1]) {
      const altered = Buffer.from(written);
      altered[at]! ^= 1;
      writeFileSync(path, altered);
      expect(read(0, 10)).toBeNull();
    }
    for (const length of [written.length - 1, 2 * piece, 40, 31, 0]) {
      writeFileSync(path, written);
      truncateSync(path, length);
      expect(read(0, 10)).toBeNull();
    }
  });
});
