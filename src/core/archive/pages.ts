/**
 * Index pages: sorted runs of entries, and of link records, each page its own zstd frame.
 *
 * A page has an entries part (all metadata and hashes, which compaction never changes and whose SHA-256
 * is the page's digest) and an extents part (where the content lies). docs/format.md, section 4.
 */

import { hash } from 'node:crypto';
import { ByteReader, ByteWriter } from './bytes.ts';
import { type Content, type Entry, entryFlags, fileType, typeOf } from './entry.ts';
import { compressPart } from './frames.ts';
import { type PageCursor, severalObjects } from './page-cursor.ts';

/** A page is closed once its entries part has this many bytes. */
export const pageTargetBytes = 64 * 1024;

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
  /** Numbers of the objects in which the contents lie. */
  readonly objects: readonly number[];
  /** Bytes of contents, holes left out. */
  readonly dataBytes: number;
}

export abstract class Pages<T> {
  readonly #targetBytes: number;
  protected readonly entries: ByteWriter;
  protected readonly extents = new ByteWriter(16384);
  readonly #objects = new Set<number>();
  #lastObject = -1;
  #dataBytes = 0;
  protected count = 0;
  protected first: { path: Buffer; device: number; inode: bigint } | null = null;

  constructor(targetBytes = pageTargetBytes) {
    this.#targetBytes = targetBytes;
    this.entries = new ByteWriter(targetBytes + 8192);
  }

  protected abstract write(item: T): void;

  get full(): boolean {
    return this.isFullWith(0);
  }

  protected isFullWith(moreBytes: number): boolean {
    return this.entries.length + moreBytes >= this.#targetBytes;
  }

  add(item: T): void {
    this.write(item);
    this.count++;
  }

  /** What the page would be if it ended here; the writer goes on with it. Null where it is empty. */
  peek(): FinishedPage | null {
    if (this.first === null) return null;
    const head = new ByteWriter(this.entries.length + this.extents.length + 10);
    head.varint(this.entries.length);
    head.raw(this.entries.view());
    head.raw(this.extents.view());
    return {
      first: this.first.path,
      firstDevice: this.first.device,
      firstInode: this.first.inode,
      frame: compressPart(head.view()),
      plainBytes: head.length,
      count: this.count,
      digest: hash('sha256', this.entries.view(), 'buffer'),
      objects: [...this.#objects],
      dataBytes: this.#dataBytes,
    };
  }

  /** Closes the page; null where it is empty. The writer begins a new one. */
  finish(): FinishedPage | null {
    const page = this.peek();
    this.#dataBytes = 0;
    this.#objects.clear();
    this.#lastObject = -1;
    this.entries.reset();
    this.extents.reset();
    this.count = 0;
    this.first = null;
    return page;
  }

  protected noteExtent(object: number, length: number): void {
    if (object !== this.#lastObject) this.#objects.add(object);
    this.#lastObject = object;
    this.#dataBytes += length;
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
      this.noteExtent(extent.object, extent.length);
      this.extents.varint(extent.tarOffset);
      end = extent.offset + extent.length;
    }
  }
}

export class PageWriter extends Pages<Entry> {
  /** The path written last, up to `#previousLength`. */
  #previous = Buffer.alloc(1024);
  #previousLength = 0;

  /** Records of another page that follow each other there and here, and are copied in one piece: where they begin and end. */
  #run: Buffer | null = null;
  #from = 0;
  #to = 0;
  #extentsFrom = 0;
  #extentsTo = 0;

  override get full(): boolean {
    return this.isFullWith(this.#to - this.#from);
  }

  override add(entry: Entry): void {
    this.#endRun();
    super.add(entry);
  }

  override peek(): FinishedPage | null {
    this.#endRun();
    return super.peek();
  }

  /** A record of another page, byte for byte; of that page nothing may change before this one is finished. */
  copy(record: PageCursor): void {
    const { plain, pathBytes, pathLength, object } = record;
    const follows =
      this.#run === plain && this.#to === record.start && this.#extentsTo === record.extentsStart;
    if (follows) this.#rememberPath(pathBytes, record.shared, pathLength);
    else {
      this.#endRun();
      this.#writePath(pathBytes, pathLength);
      this.#run = plain;
      this.#from = record.tailStart;
      this.#extentsFrom = record.extentsStart;
    }
    this.#to = record.end;
    this.#extentsTo = record.extentsEnd;
    if (object === severalObjects) this.#noteExtents(record);
    else if (object >= 0) this.noteExtent(object, record.objectBytes);
    this.count++;
  }

  #endRun(): void {
    if (this.#run === null) return;
    this.entries.span(this.#run, this.#from, this.#to);
    this.extents.span(this.#run, this.#extentsFrom, this.#extentsTo);
    this.#run = null;
    this.#to = this.#from;
  }

  #noteExtents({ plain, extentsStart, extentsEnd }: PageCursor): void {
    const from = new ByteReader(plain, extentsStart, extentsEnd);
    for (let left = from.varint(); left > 0; left--) {
      from.varint();
      const length = from.varint();
      this.noteExtent(from.varint(), length);
      from.varint();
    }
  }

  #writePath(path: Buffer, length: number): void {
    if (this.first === null) {
      // Memory of its own: what is sent to another thread is copied with all that lies around it.
      const own = Buffer.allocUnsafeSlow(length);
      path.copy(own, 0, 0, length);
      this.first = { path: own, device: 0, inode: 0n };
      this.#previousLength = 0;
    }
    const previous = this.#previous;
    const shorter = Math.min(length, this.#previousLength);
    let shared = 0;
    while (shared < shorter && previous[shared] === path[shared]) shared++;
    this.entries.varint(shared);
    this.entries.varint(length - shared);
    this.entries.span(path, shared, length);
    this.#rememberPath(path, shared, length);
  }

  /** @param shared so many bytes of it are those of the path before */
  #rememberPath(path: Buffer, shared: number, length: number): void {
    let previous = this.#previous;
    if (length > previous.length) {
      previous = Buffer.alloc(2 * length);
      this.#previous.copy(previous, 0, 0, shared);
      this.#previous = previous;
    }
    for (let i = shared; i < length; i++) previous[i] = path[i]!;
    this.#previousLength = length;
  }

  protected override write(entry: Entry): void {
    const out = this.entries;
    this.#writePath(entry.path, entry.path.length);
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
