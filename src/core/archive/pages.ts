/**
 * Index pages: sorted runs of entries, and of link records, each page its own zstd frame.
 *
 * A page has an entries part (all metadata and hashes, which compaction never changes and whose SHA-256
 * is the page's digest) and an extents part (where the content lies). docs/format.md, section 4.
 */

import { hash } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { HoldfastError } from '../errors.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import {
  type Content,
  type Entry,
  type Extent,
  entryFlags,
  fileType,
  type LinkRecord,
  typeOf,
} from './entry.ts';

/** A page is closed once its entries part has this many bytes. */
export const pageTargetBytes = 64 * 1024;
/** What a reader will decompress at most; a page holds one entry more than the target at worst. */
const pageLimitBytes = 256 * 1024 * 1024;

export interface FinishedPage {
  /** Path of the first entry; for link pages device and inode of the first record. */
  readonly first: Buffer;
  readonly firstDevice: number;
  readonly firstInode: bigint;
  readonly frame: Buffer;
  readonly plainBytes: number;
  readonly count: number;
  /** SHA-256 of the entries part. */
  readonly digest: Buffer;
}

export function compressPart(plain: Uint8Array): Buffer {
  return zstdCompressSync(plain, {
    params: {
      [constants.ZSTD_c_compressionLevel]: 3,
      [constants.ZSTD_c_checksumFlag]: 1,
      [constants.ZSTD_c_contentSizeFlag]: 1,
    },
  });
}

/** @throws OBJECT_DAMAGED not a zstd frame, a wrong checksum, or more bytes than expected */
export function decompressPart(frame: Uint8Array, plainBytes: number, what: string): Buffer {
  if (plainBytes > pageLimitBytes) throw damaged(what);
  try {
    const plain = zstdDecompressSync(frame, { maxOutputLength: Math.max(plainBytes, 1) });
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

abstract class Pages<T> {
  protected readonly entries = new ByteWriter(pageTargetBytes + 8192);
  protected readonly extents = new ByteWriter(16384);
  protected count = 0;
  protected first: { path: Buffer; device: number; inode: bigint } | null = null;

  protected abstract write(item: T): void;

  get full(): boolean {
    return this.entries.length >= pageTargetBytes;
  }

  add(item: T): void {
    this.write(item);
    this.count++;
  }

  /** Closes the page; null where it is empty. The writer begins a new one. */
  finish(): FinishedPage | null {
    if (this.first === null) return null;
    const head = new ByteWriter(this.entries.length + this.extents.length + 10);
    head.varint(this.entries.length);
    head.raw(this.entries.view());
    head.raw(this.extents.view());
    const page: FinishedPage = {
      first: this.first.path,
      firstDevice: this.first.device,
      firstInode: this.first.inode,
      frame: compressPart(head.view()),
      plainBytes: head.length,
      count: this.count,
      digest: hash('sha256', this.entries.view(), 'buffer'),
    };
    this.entries.reset();
    this.extents.reset();
    this.count = 0;
    this.first = null;
    return page;
  }

  protected writeContent(content: Content): void {
    this.entries.varint(content.size);
    if (content.size === 0 || content.sha256 === null) return;
    this.entries.raw(content.sha256);
    this.extents.varint(content.extents.length);
    let end = 0;
    for (const extent of content.extents) {
      this.extents.varint(extent.offset - end);
      this.extents.varint(extent.length);
      this.extents.varint(extent.object);
      this.extents.varint(extent.tarOffset);
      end = extent.offset + extent.length;
    }
  }
}

export class PageWriter extends Pages<Entry> {
  #previous: Buffer = Buffer.alloc(0);

  protected override write(entry: Entry): void {
    const out = this.entries;
    if (this.first === null) {
      this.first = { path: entry.path, device: 0, inode: 0n };
      this.#previous = Buffer.alloc(0);
    }
    const shared = sharedBytes(this.#previous, entry.path);
    out.varint(shared);
    out.bytes(entry.path.subarray(shared));
    this.#previous = entry.path;
    out.varint(entry.flags | (entry.xattrs.length > 0 ? entryFlags.xattrs : 0));
    out.varint(entry.mode);
    out.varint(entry.uid);
    out.varint(entry.gid);
    out.zigzag(entry.mtimeSeconds);
    out.varint(entry.mtimeNanoseconds);
    out.zigzag(entry.ctimeSeconds);
    out.varint(entry.ctimeNanoseconds);
    out.varint64(entry.inode);
    if (entry.xattrs.length > 0) {
      out.varint(entry.xattrs.length);
      for (const xattr of entry.xattrs) {
        out.bytes(xattr.name);
        out.bytes(xattr.value);
      }
    }
    const type = typeOf(entry);
    if (entry.content !== null && type === fileType.regular) this.writeContent(entry.content);
    else if (type === fileType.link) out.bytes(entry.target ?? Buffer.alloc(0));
    else if (type === fileType.character || type === fileType.block) {
      out.varint(entry.rdevMajor);
      out.varint(entry.rdevMinor);
    }
  }
}

export class LinkPageWriter extends Pages<LinkRecord> {
  protected override write(record: LinkRecord): void {
    this.first ??= { path: record.path, device: record.device, inode: record.inode };
    this.entries.varint(record.device);
    this.entries.varint64(record.inode);
    this.entries.bytes(record.path);
    this.writeContent(record.content);
  }
}

export function sharedBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  let i = 0;
  while (i < shorter && a[i] === b[i]) i++;
  return i;
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

function readContent(from: Parts): Content {
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
    const content = type === fileType.regular && (flags & entryFlags.linked) === 0 ? readContent(from) : null;
    const target = type === fileType.link ? entries.bytes() : null;
    const rdevMajor = device ? entries.varint() : 0;
    const rdevMinor = device ? entries.varint() : 0;
    yield {
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
      content,
      target,
      rdevMajor,
      rdevMinor,
    };
  }
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
