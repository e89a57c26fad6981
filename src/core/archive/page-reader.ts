/**
 * Reads index pages: decompresses them, checks them against their digest, yields what they hold.
 *
 * Pages may come from a store that somebody tampered with: every length is checked before it is used.
 * docs/format.md, section 4.
 */

import { hash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { HoldfastError } from '../errors.ts';
import { ByteReader } from './bytes.ts';
import { type Content, type Entry, type Extent, entryFlags, fileType, type LinkRecord } from './entry.ts';

/** What a reader will decompress; a page holds one entry more than the target at worst. */
const pageLimitBytes = 256 * 1024 * 1024;

/** @throws OBJECT_DAMAGED not a zstd frame, a wrong checksum, or more bytes than expected */
export function decompressPart(frame: Uint8Array, plainBytes: number, what: string): Buffer {
  if (plainBytes > pageLimitBytes) throw damaged(what);
  try {
    // Room for all of it at once: pieces would have to be joined.
    const chunkSize = Math.max(plainBytes, 64);
    const plain = zstdDecompressSync(frame, { maxOutputLength: Math.max(plainBytes, 1), chunkSize });
    if (plain.length !== plainBytes) throw damaged(what);
    return plain;
  } catch (cause) {
    throw damaged(what, cause);
  }
}

function damaged(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', `${what} is damaged`, {
    cause,
    hint: 'Run `holdfast verify` to see which snapshots are affected, and restore from another snapshot.',
  });
}

interface Parts {
  readonly entries: ByteReader;
  readonly extents: ByteReader;
  readonly digest: Buffer;
}

function parts(plain: Buffer): Parts {
  const head = new ByteReader(plain);
  const length = head.varint();
  const start = head.offset;
  const body = head.raw(length);
  return {
    entries: new ByteReader(plain, start, start + length),
    extents: new ByteReader(plain, start + length),
    digest: hash('sha256', body, 'buffer'),
  };
}

function readContent(from: Pick<Parts, 'entries' | 'extents'>): Content {
  const size = from.entries.varint();
  if (size === 0) return { size, sha256: null, extents: [] };
  const sha256 = from.entries.raw(32);
  const extents: Extent[] = [];
  let end = 0;
  for (let count = from.extents.varint(); count > 0; count--) {
    const offset = end + from.extents.varint();
    const length = from.extents.varint();
    end = offset + length;
    if (end > size) throw damaged('an index page');
    extents.push({ offset, length, object: from.extents.varint(), tarOffset: from.extents.varint() });
  }
  return { size, sha256, extents };
}

/** Yields a page's entries in order. @throws OBJECT_DAMAGED also where the digest differs */
export function* readPage(plain: Buffer, digest: Buffer | null): Generator<Entry> {
  const from = parts(plain);
  if (digest !== null && !digest.equals(from.digest)) throw damaged('an index page');
  let path: Buffer = Buffer.alloc(0);
  const { entries } = from;
  while (!entries.done) {
    const shared = entries.varint();
    if (shared > path.length) throw damaged('an index page');
    path = Buffer.concat([path.subarray(0, shared), entries.bytes()]);
    yield readEntry(path, entries, from.extents);
  }
}

/** What follows a path in its record. */
export function readEntry(path: Buffer, entries: ByteReader, extents: ByteReader): Entry {
  const flags = entries.varint();
  const mode = entries.varint();
  const [uid, gid] = [entries.varint(), entries.varint()];
  const [mtimeSeconds, mtimeNanoseconds] = [entries.zigzag(), entries.varint()];
  const [ctimeSeconds, ctimeNanoseconds] = [entries.zigzag(), entries.varint()];
  const inode = entries.varint64();
  const xattrs: { name: Buffer; value: Buffer }[] = [];
  if ((flags & entryFlags.xattrs) !== 0) {
    for (let count = entries.varint(); count > 0; count--) {
      xattrs.push({ name: entries.bytes(), value: entries.bytes() });
    }
  }
  const type = mode & fileType.mask;
  const device = type === fileType.character || type === fileType.block;
  const isStored = type === fileType.regular && (flags & entryFlags.linked) === 0;
  return {
    path,
    flags,
    mode,
    uid,
    gid,
    mtimeSeconds,
    mtimeNanoseconds,
    ctimeSeconds,
    ctimeNanoseconds,
    inode,
    xattrs,
    content: isStored ? readContent({ entries, extents }) : null,
    target: type === fileType.link ? entries.bytes() : null,
    rdevMajor: device ? entries.varint() : 0,
    rdevMinor: device ? entries.varint() : 0,
  };
}

export function* readLinkPage(plain: Buffer, digest: Buffer | null): Generator<LinkRecord> {
  const from = parts(plain);
  if (digest !== null && !digest.equals(from.digest)) throw damaged('an index page');
  while (!from.entries.done) {
    const device = from.entries.varint();
    const inode = from.entries.varint64();
    const path = from.entries.bytes();
    yield { device, inode, path, content: readContent(from) };
  }
}
