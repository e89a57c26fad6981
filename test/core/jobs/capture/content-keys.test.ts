/** The file that says which contents are there: what it covers, and that whatever is wrong with it counts as nothing. */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallBytes } from '../../../../src/core/jobs/capture/content-hash.ts';
import {
  contentKeysBlock as blockInPieces,
  ContentKeys,
  hashKey,
  KeyList,
  sizeKey,
} from '../../../../src/core/jobs/capture/content-keys.ts';

const [first, second, third, stranger] = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(12)) as [
  string,
  string,
  string,
  string,
];

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-content-keys-'));
  path = join(directory, 'contents.keys');
});
afterEach(() => rmSync(directory, { recursive: true }));

const hashes = (count: number): Buffer[] => Array.from({ length: count }, () => randomBytes(32));
const keysFor = (contents: readonly Buffer[]): Float64Array =>
  Float64Array.from(contents, (sha256) => hashKey(sha256)).sort();
const contentKeysBlock = (...block: Parameters<typeof blockInPieces>): Buffer =>
  Buffer.concat(blockInPieces(...block));
const read = (snapshot: string): ContentKeys | null => ContentKeys.read({ path, snapshot });

function keysOf(size: number, sha256: Buffer): number[] {
  const list = new KeyList(0);
  list.add(size, sha256);
  return [...list.keys];
}

describe('keys of contents', () => {
  it('have what the first snapshot has, and what each that follows has besides', () => {
    const [old, added, last] = [hashes(500), hashes(20), hashes(3)];
    writeFileSync(
      path,
      Buffer.concat([
        contentKeysBlock(first, null, keysFor(old)),
        contentKeysBlock(second, first, keysFor(added)),
        contentKeysBlock(third, second, keysFor(last)),
      ]),
    );
    for (const snapshot of [first, second, third]) {
      const keys = read(snapshot)!;
      for (const sha256 of [...old, ...added, ...last]) expect(keys.has(hashKey(sha256))).toBe(true);
      for (const sha256 of hashes(200)) expect(keys.has(hashKey(sha256))).toBe(false);
    }
    expect(read(stranger)).toBeNull();
  });

  it('know nothing of a snapshot that was compared with one they do not have', () => {
    const blocks = [contentKeysBlock(first, null, keysFor(hashes(9)))];
    blocks.push(contentKeysBlock(third, second, keysFor(hashes(9))));
    writeFileSync(path, Buffer.concat(blocks));
    expect(read(first)).not.toBeNull();
    expect(read(third)).toBeNull();
  });

  it('tell large contents by their size as well', () => {
    const [sha256] = hashes(1);
    expect(keysOf(smallBytes, sha256!)).toEqual([hashKey(sha256!)]);
    const sizes = [smallBytes + 1, 2 ** 40, Number.MAX_SAFE_INTEGER];
    const all = sizes.flatMap((size) => keysOf(size, sha256!));
    writeFileSync(path, contentKeysBlock(first, null, Float64Array.from(all).sort()));
    const keys = read(first)!;
    for (const size of sizes) expect(keys.has(sizeKey(size))).toBe(true);
    expect(keys.has(sizeKey(smallBytes + 2))).toBe(false);
    expect(keys.has(sizeKey(2 ** 40 + 1))).toBe(false);
    // Those of sizes are apart from those of hashes, whatever these are.
    expect(hashKey(Buffer.alloc(32, 255))).toBeLessThan(sizeKey(0));
  });

  it('are gathered in any number', () => {
    const contents = hashes(1000);
    const list = new KeyList(3);
    for (const sha256 of contents) list.add(5, Buffer.concat([Buffer.alloc(7), sha256]), 7);
    expect([...list.keys]).toEqual(contents.map((sha256) => hashKey(sha256)));
  });

  it('count as none where a byte is another, wherever it is, or where they are cut short', () => {
    const whole = contentKeysBlock(first, null, keysFor(hashes(5)));
    const next = contentKeysBlock(second, first, keysFor(hashes(4)));
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << (at % 8);
      writeFileSync(path, Buffer.concat([damaged, next]));
      expect([first, second].map(read), `byte ${at}`).toEqual([null, null]);
      writeFileSync(path, whole.subarray(0, at));
      expect(read(first), `${at} bytes`).toBeNull();
    }
    for (let length = 0; length < next.length; length++) {
      writeFileSync(path, Buffer.concat([whole, next.subarray(0, length)]));
      expect([first, second].map((one) => read(one) === null)).toEqual(
        length === 0 ? [false, true] : [true, true],
      );
    }
    rmSync(path);
    expect(read(first)).toBeNull();
  });

  it('are made anew once what was added is much beside what they began with', () => {
    const added = (count: number): Buffer => contentKeysBlock(second, first, keysFor(hashes(count)));
    const begun = contentKeysBlock(first, null, keysFor(hashes(4000)));
    writeFileSync(path, Buffer.concat([begun, added(3000)]));
    expect(read(second)).not.toBeNull();
    writeFileSync(path, Buffer.concat([begun, added(3001)]));
    expect(read(second)).toBeNull();
    // Also where it was added to what is not covered.
    const unused = (count: number): Buffer => contentKeysBlock(third, stranger, keysFor(hashes(count)));
    writeFileSync(path, Buffer.concat([begun, unused(2990)]));
    expect(read(first)).not.toBeNull();
    writeFileSync(path, Buffer.concat([begun, unused(3001)]));
    expect(read(first)).toBeNull();
  });
});
