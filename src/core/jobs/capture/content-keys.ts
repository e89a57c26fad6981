/**
 * Which contents an account's snapshots have, a number for each, so that what is new is known to be new without a look at the
 * whole index of the parent.
 *
 * They stand in a private file of the state, in blocks. The first is of all contents of one snapshot; each that follows adds
 * what one more snapshot has besides those of the one it was compared with. Contents that are gone stay in it. Only a
 * help: what has no key is stored again at worst, and what has one is looked up in the index.
 *
 * A block: `HFk1`, the number of keys (32 bits, as all numbers little-endian), the ids of its snapshot and of the one it adds to (6 bytes each;
 * zeros in the first), CRC-32 of the keys and of these 20 bytes; then the keys as 64-bit floats, in the first block ascending.
 */

import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { smallBytes } from './content-hash.ts';

/** Where they are kept, and of which snapshot they have to be. */
export interface ContentKeysPlace {
  readonly path: string;
  /** Its id: 12 hex digits. */
  readonly snapshot: string;
}

/** What a capture has to add to them. */
export interface NotedContents {
  /** Of the parent's contents, ascending, where they had to be gathered; else null. */
  readonly all: Float64Array | null;
  /** Of what was stored. */
  readonly added: Float64Array;
}

/** So many keys may be added whatever there were. */
const alwaysBearable = 1000;

const magic = 0x316b4648;
const headBytes = 24;
const checkAt = 20;
const noId = '000000000000';
const keyBytes = 6;
/** Above all that stand for a hash. */
const sizeKeys = 2 ** (8 * keyBytes);

/** @param at where in `bytes` the hash begins */
export const hashKey = (bytes: Buffer, at = 0): number => bytes.readUIntLE(at, keyBytes);

/** For a content that is not small: whether there is one of its size at all. Very long ones may share a key. */
export const sizeKey = (size: number): number => sizeKeys + size;

/** Gathers keys without an object for each. */
export class KeyList {
  #keys: Float64Array;
  #length = 0;

  /** @param expected how many there will be, about */
  constructor(expected: number) {
    // Shared memory goes to another thread without a copy.
    this.#keys = new Float64Array(new SharedArrayBuffer(8 * (expected + 16)));
  }

  /** Those of one content; `at`: as in `hashKey`. */
  add(size: number, bytes: Buffer, at = 0): void {
    this.#push(hashKey(bytes, at));
    if (size > smallBytes) this.#push(sizeKey(size));
  }

  #push(key: number): void {
    if (this.#length === this.#keys.length) this.#keys = joined([this.#keys, new Float64Array(this.#length)]);
    this.#keys[this.#length++] = key;
  }

  /** They stay where they are: millions are not copied. */
  get keys(): Float64Array {
    return this.#keys.subarray(0, this.#length);
  }
}

/**
 * A block of the file, in pieces.
 *
 * @param addsTo the snapshot whose keys are in the file already; null where `keys` are of all contents
 */
export function contentKeysBlock(snapshot: string, addsTo: string | null, keys: Float64Array): Buffer[] {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(magic, 0);
  head.writeUInt32LE(keys.length, 4);
  head.write(snapshot, 8, 'hex');
  head.write(addsTo ?? noId, 14, 'hex');
  const body = Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength);
  head.writeUInt32LE(checkOf(head, body), checkAt);
  return [head, body];
}

const checkOf = (head: Uint8Array, body: Uint8Array): number => crc32(body, crc32(head.subarray(0, checkAt)));

export class ContentKeys {
  readonly #base: Float64Array;
  readonly #rest: Float64Array;

  private constructor(base: Float64Array, rest: Float64Array) {
    this.#base = base;
    this.#rest = rest;
  }

  /**
   * Null where the file does not have all of that snapshot, where a byte of it is wrong, or where so much was added that it is
   * better made anew.
   */
  static read({ path, snapshot }: ContentKeysPlace): ContentKeys | null {
    let file: Buffer;
    try {
      file = readFileSync(path);
    } catch {
      return null;
    }
    const blocks: Float64Array[] = [];
    const covered = new Set<string>([noId]);
    let unused = 0;
    for (let at = 0; at < file.length; ) {
      if (file.length - at < headBytes) return null;
      const head = file.subarray(at, at + headBytes);
      const end = at + headBytes + 8 * head.readUInt32LE(4);
      const body = file.subarray(at + headBytes, end);
      if (head.readUInt32LE(0) !== magic || end > file.length) return null;
      if (head.readUInt32LE(checkAt) !== checkOf(head, body)) return null;
      if (covered.has(head.toString('hex', 14, 20))) {
        covered.add(head.toString('hex', 8, 14));
        blocks.push(floatsOf(body));
      } else unused += end - at;
      at = end;
    }
    const base = blocks.shift();
    const rest = joined(blocks);
    if (base === undefined || !covered.has(snapshot)) return null;
    const isMuch = rest.length + unused / 8 > base.length / 2 + alwaysBearable;
    return isMuch ? null : new ContentKeys(base, rest.sort());
  }

  /** @param keys of all contents, ascending */
  static of(keys: Float64Array): ContentKeys {
    return new ContentKeys(keys, new Float64Array(0));
  }

  /** False: no content of the snapshot has this key. */
  has(key: number): boolean {
    return isIn(this.#base, key) || isIn(this.#rest, key);
  }
}

/** In memory of their own, for numbers have to be aligned. */
function floatsOf(bytes: Buffer): Float64Array {
  const floats = new Float64Array(bytes.length / 8);
  new Uint8Array(floats.buffer).set(bytes);
  return floats;
}

/** One after the other. */
export function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function isIn(sorted: Float64Array, key: number): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = sorted[middle]!;
    if (found === key) return true;
    if (found < key) low = middle + 1;
    else high = middle;
  }
  return false;
}
