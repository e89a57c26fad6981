/** Whether a file has the content that a snapshot recorded, although its data lies elsewhere. */

import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Content } from '../../../../src/core/archive/entry.ts';
import { Stat, statFd } from '../../../../src/core/filesystem/native.ts';
import { hasContent } from '../../../../src/core/jobs/capture/content-hash.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-content-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const block = 4096;
const piece = (letter: string): Buffer => Buffer.alloc(block, letter);
const empty = Buffer.alloc(block);

/** As a snapshot records the bytes where only these blocks are data; null: a file without holes. */
function recorded(bytes: Buffer, blocks: readonly number[] | null): Content {
  const digest = createHash('sha256');
  if (blocks === null) digest.update(bytes);
  for (const number of blocks ?? []) {
    const place = Buffer.alloc(16);
    place.writeBigUInt64LE(BigInt(number * block), 0);
    place.writeBigUInt64LE(BigInt(block), 8);
    digest.update(place).update(bytes.subarray(number * block, (number + 1) * block));
  }
  const extents = (blocks ?? [0, 1, 2, 3]).map((number) => {
    return { offset: number * block, length: block, object: 1, tarOffset: 512 + number * block };
  });
  return { size: bytes.length, sha256: digest.digest(), extents };
}

/** @param holes from this block on the file is a hole */
function has(bytes: Buffer, content: Content, holes = bytes.length / block): boolean {
  const path = join(directory, 'file');
  writeFileSync(path, bytes.subarray(0, holes * block));
  truncateSync(path, bytes.length);
  const fd = openSync(path, 'r');
  const stat = new Stat();
  statFd(fd, stat);
  const found = hasContent(fd, stat, content.sha256!, { recorded: () => content, checkStop: () => {} });
  closeSync(fd);
  return found;
}

describe('a file whose hash is another than that of the snapshot', () => {
  const bytes = Buffer.concat([piece('a'), empty, piece('b'), empty]);
  const other = Buffer.concat([piece('a'), empty, piece('b'), piece('c')]);

  it('has the same content where what was a hole is nothing but zeros now', () => {
    expect(has(bytes, recorded(bytes, [0, 2]))).toBe(true);
    expect(has(bytes, recorded(bytes, [0, 2]), 3)).toBe(true);
  });

  it('has the same content where zeros are a hole now', () => {
    expect(has(bytes, recorded(bytes, null), 3)).toBe(true);
  });

  it('has not where a byte differs, inside what was data or outside', () => {
    expect(has(other, recorded(bytes, [0, 2]))).toBe(false);
    expect(has(bytes, recorded(other, null), 3)).toBe(false);
    expect(has(other, recorded(bytes, [0]))).toBe(false);
    expect(has(other.subarray(0, 3 * block), recorded(bytes, [0, 2]))).toBe(false);
  });
});
