/**
 * Reads the members of a segment's tar back: what `tar.ts` writes, and nothing else.
 *
 * For making a lost index again. Reads a stream once and keeps no contents; what is not a header of ours is
 * damage, not a dialect.
 */

import { createHash } from 'node:crypto';
import { HoldfastError } from '../errors.ts';
import type { Extent, Xattr } from './entry.ts';
import { hashRange } from './hash-range.ts';
import { blockBytes, type DataRange, flagNames, padding } from './tar.ts';

export interface ReadMember {
  readonly type: string;
  /** A directory's without the slash at its end. */
  readonly path: Buffer;
  readonly linkPath: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  readonly xattrs: readonly Xattr[];
  /** As an entry's: what `chattr` had set. */
  readonly flags: number;
  /** Of a regular file: apparent size, hash as the index has it (null where empty), and where its data lies. */
  readonly size: number;
  readonly sha256: Buffer | null;
  readonly extents: readonly Omit<Extent, 'object'>[];
}

type Records = ReadonlyMap<string, Buffer>;

/** Members in their order. @throws OBJECT_DAMAGED */
export async function* readTar(plain: AsyncIterable<Buffer>, what: string): AsyncGenerator<ReadMember> {
  const source = new Source(plain, what);
  try {
    yield* members(source, what);
  } finally {
    await source.close();
  }
}

async function* members(source: Source, what: string): AsyncGenerator<ReadMember> {
  for (let records: Records = new Map(); ; ) {
    const block = await source.take(blockBytes);
    if (block === null || block.every((byte) => byte === 0)) return;
    const type = String.fromCharCode(block[156]!);
    requireChecksum(block, what);
    const stored = Number(records.get('size') ?? octal(block, 124, 12));
    if (type === 'x') {
      records = parseRecords((await source.take(stored)) ?? Buffer.alloc(0), what);
      await source.take(padding(stored));
      continue;
    }
    const content = type === '0' ? await contentOf(source, stored, records) : none;
    yield { ...describe(block, type, records), ...content };
    records = new Map();
  }
}

const none = { size: 0, sha256: null, extents: [] };

const damaged = (what: string): HoldfastError =>
  new HoldfastError('OBJECT_DAMAGED', `${what} is damaged: its tar cannot be read`, {
    hint: 'Restore from another snapshot.',
  });

class Source {
  /** Of the next byte, in the tar. */
  offset = 0;
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #what: string;
  #rest: Buffer = Buffer.alloc(0);

  constructor(plain: AsyncIterable<Buffer>, what: string) {
    this.#pieces = plain[Symbol.asyncIterator]();
    this.#what = what;
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  /** Exactly so many bytes; null at the end. */
  async take(length: number): Promise<Buffer | null> {
    const parts: Buffer[] = [];
    await this.each(length, (piece) => parts.push(Buffer.from(piece)));
    return parts.length === 0 && length > 0 ? null : Buffer.concat(parts);
  }

  /** @throws OBJECT_DAMAGED it ends in between */
  async each(length: number, see: (piece: Buffer) => void): Promise<void> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#pieces.next();
        if (done === true) {
          if (left === length) return;
          throw damaged(this.#what);
        }
        this.#rest = value;
      }
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      this.offset += piece.length;
      left -= piece.length;
      see(piece);
    }
  }
}

async function contentOf(
  source: Source,
  stored: number,
  records: Records,
): Promise<Pick<ReadMember, 'size' | 'sha256' | 'extents'>> {
  const real = records.get('GNU.sparse.realsize');
  const size = real === undefined ? stored : Number(real);
  const start = source.offset;
  const ranges = real === undefined ? [{ offset: 0, length: stored }] : await sparseRanges(source);
  const digest = createHash('sha256');
  const extents: Omit<Extent, 'object'>[] = [];
  const covered = ranges.reduce((sum, { length }) => sum + length, 0);
  for (const { offset, length } of ranges) {
    if (length === 0) continue;
    extents.push({ offset, length, tarOffset: source.offset });
    if (covered < size) hashRange(digest, offset, length);
    await source.each(length, (piece) => digest.update(piece));
  }
  await source.take(padding(source.offset - start));
  return { size, sha256: size === 0 ? null : digest.digest(), extents };
}

/** The map before the data: decimal lines, padded. Adjacent ranges are one. */
async function sparseRanges(source: Source): Promise<DataRange[]> {
  let text = '';
  const lines = (): string[] => text.split('\n').slice(0, -1);
  const complete = (): boolean => lines().length > 2 * Number(lines()[0]);
  do {
    const block = await source.take(blockBytes);
    if (block === null) break;
    text += block.toString('latin1');
  } while (!complete());
  const [count = 0, ...numbers] = lines().map(Number);
  const ranges: DataRange[] = [];
  for (let i = 0; i < count; i++) {
    const [offset = 0, length = 0] = numbers.slice(2 * i, 2 * i + 2);
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.length === offset && length > 0)
      ranges[ranges.length - 1] = { offset: last.offset, length: last.length + length };
    else ranges.push({ offset, length });
  }
  return ranges;
}

function describe(
  block: Buffer,
  type: string,
  records: Records,
): Omit<ReadMember, 'size' | 'sha256' | 'extents'> {
  const path = records.get('GNU.sparse.name') ?? records.get('path') ?? text(block, 0, 100);
  const [mtimeSeconds, mtimeNanoseconds] = timeOf(records.get('mtime')?.toString(), octal(block, 136, 12));
  return {
    type,
    path: type === '5' && path.at(-1) === 0x2f ? path.subarray(0, -1) : path,
    linkPath: records.get('linkpath') ?? text(block, 157, 100),
    mode: octal(block, 100, 8),
    uid: Number(records.get('uid') ?? octal(block, 108, 8)),
    gid: Number(records.get('gid') ?? octal(block, 116, 8)),
    ...{ mtimeSeconds, mtimeNanoseconds },
    rdevMajor: octal(block, 329, 8),
    rdevMinor: octal(block, 337, 8),
    xattrs: xattrsOf(records),
    flags: flagsOf(records.get('SCHILY.fflags')),
  };
}

function flagsOf(names: Buffer | undefined): number {
  const found = names === undefined ? [] : names.toString('latin1').split(',');
  return flagNames.reduce((flags, [name, flag]) => (found.includes(name) ? flags | flag : flags), 0);
}

const xattrPrefix = 'SCHILY.xattr.';

function xattrsOf(records: Records): Xattr[] {
  const found: Xattr[] = [];
  for (const [key, value] of records) {
    if (!key.startsWith(xattrPrefix)) continue;
    const name = key.slice(xattrPrefix.length).replaceAll('%3D', '=').replaceAll('%25', '%');
    found.push({ name: Buffer.from(name, 'latin1'), value });
  }
  return found.sort((a, b) => Buffer.compare(a.name, b.name));
}

function timeOf(decimal: string | undefined, seconds: number): readonly [number, number] {
  const [, sign, whole, fraction] = /^(-?)(\d+)\.(\d{9})$/.exec(decimal ?? '') ?? [];
  if (whole === undefined) return [seconds, 0];
  const nanoseconds = Number(fraction);
  if (sign === '') return [Number(whole), nanoseconds];
  return nanoseconds === 0 ? [-Number(whole), 0] : [-Number(whole) - 1, 1_000_000_000 - nanoseconds];
}

function parseRecords(bytes: Buffer, what: string): Records {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, space));
    const equals = bytes.indexOf(0x3d, space);
    if (!(length > 0) || equals < 0 || at + length > bytes.length) throw damaged(what);
    const value = Buffer.from(bytes.subarray(equals + 1, at + length - 1));
    records.set(bytes.toString('latin1', space + 1, equals), value);
    at += length;
  }
  return records;
}

function text(block: Buffer, at: number, length: number): Buffer {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end));
}

const octal = (block: Buffer, at: number, length: number): number =>
  Number.parseInt(block.toString('latin1', at, at + length), 8) || 0;

function requireChecksum(block: Buffer, what: string): void {
  let sum = 0;
  for (let i = 0; i < blockBytes; i++) sum += i >= 148 && i < 156 ? 0x20 : block[i]!;
  if (sum !== octal(block, 148, 8)) throw damaged(what);
}
