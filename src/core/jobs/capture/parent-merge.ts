/**
 * Merges what a walk meets with what the parent snapshot recorded, both in path order.
 *
 * A page of the parent in which every record is met unchanged, with nothing new between them, is referred
 * to as it is. The first difference writes out the records already passed, and the page is written anew.
 * Where a page is shared with another task, each tells its part; who sees all parts may refer to the whole.
 */

import { compareLatin1Paths, type Entry, entryFlags, fileType } from '../../archive/entry.ts';
import { type ExtentSummary, eachRecord, PageCursor } from '../../archive/page-cursor.ts';
import type { Stat } from '../../filesystem/native.ts';
import { isBelow, isDots, noName, type ParentPages } from './parent-pages.ts';

const slash = 0x2f;

export interface MergeSink {
  /** The next page of the parent is the one with this row. */
  comesTo(row: number): void;
  /** An entry for the new index, in path order. */
  write(entry: Entry): void;
  /** A record of the parent for the new index, as it is. Valid until the next call; its page stays as it is. */
  copy(record: PageCursor): void;
  /** The parent's page, unchanged; what was written before comes before it. */
  reuse(row: number, extents: ExtentSummary): void;
  /** The parent's records `from` up to `to` of this page are unchanged; the others are another task's. */
  part(row: number, plain: Buffer, from: number, to: number): void;
}

export class ParentMerge {
  readonly #pages: ParentPages;
  readonly #sink: MergeSink;
  /** Records at or below this path belong to this task; empty: all. */
  readonly #within: string;
  #row: number;
  #cursor: PageCursor | null = null;
  /** Records of the present page before this one belong to other tasks, or were told as a part. */
  #from = 0;
  #plain: Buffer = Buffer.alloc(0);
  /** The present page is written anew. */
  #spoilt = false;
  #ended = false;

  constructor(pages: ParentPages, within: string, sink: MergeSink) {
    this.#pages = pages;
    this.#sink = sink;
    this.#within = within;
    this.#row = within === '' ? 0 : pages.find(within);
    this.#openPage();
    while (!this.#ended && compareLatin1Paths(this.record.path, within) < 0) this.#pass();
  }

  /** The parent's record at the place of the merge. */
  get record(): PageCursor {
    return this.#cursor!;
  }

  /** Goes to `path`; what lies before it is gone from the tree. True where the parent has it. */
  find(path: string): boolean {
    while (!this.#ended && this.record.path !== path) {
      if (compareLatin1Paths(this.record.path, path) > 0) return false;
      this.#drop();
    }
    return !this.#ended;
  }

  /**
   * True where the present record is that of a name in a directory. Makes no object.
   *
   * @param prefix the directory's path with the tree's name, ending in `/`
   * @param name its first `length` bytes
   */
  isAt(prefix: Buffer, name: Buffer, length: number): boolean {
    if (this.#ended) return false;
    const { pathBytes, pathLength } = this.record;
    const start = prefix.length;
    if (pathLength !== start + length) return false;
    for (let i = 0; i < length; i++) if (pathBytes[start + i] !== name[i]) return false;
    return beginsWith(pathBytes, prefix);
  }

  /**
   * Goes to the next record that lies directly in a directory, and says its name. What lies deeper belongs to a
   * directory that was not entered: it is gone from the tree. Makes no object.
   *
   * @param prefix the directory's path with the tree's name, ending in `/`
   * @param name gets the name, ended by NUL
   * @returns its length, or -1 where the parent has no more of the directory
   * @throws OBJECT_DAMAGED a name that no directory holds, which would lead elsewhere
   */
  nextIn(prefix: Buffer, name: Buffer): number {
    const start = prefix.length;
    for (; !this.#ended; this.#drop()) {
      const { pathBytes, pathLength } = this.record;
      if (pathLength <= start || !beginsWith(pathBytes, prefix)) return -1;
      const length = pathLength - start;
      let at = 0;
      for (; at < length; at++) {
        const byte = pathBytes[start + at]!;
        if (byte === slash || byte === 0) break;
        name[at] = byte;
      }
      if (at < length && pathBytes[start + at] === slash) continue;
      if (at < length || isDots(name, length)) throw noName();
      name[length] = 0;
      return length;
    }
    return -1;
  }

  /** True where the record at the present place describes an inode in exactly this state. */
  isUnchanged(stat: Stat): boolean {
    const record = this.record;
    return (
      record.ctimeNanoseconds === stat.ctimeNanoseconds &&
      record.ctimeSeconds === stat.ctimeSeconds &&
      record.inodeLow === stat.inodeLow &&
      record.inodeHigh === stat.inodeHigh &&
      (record.size === stat.size || !hasOwnContent(record)) &&
      record.mtimeNanoseconds === stat.mtimeNanoseconds &&
      record.mtimeSeconds === stat.mtimeSeconds &&
      record.mode === stat.mode &&
      record.uid === stat.uid &&
      record.gid === stat.gid &&
      (record.flags & (entryFlags.racy | entryFlags.changed | entryFlags.contentsLeftOut)) === 0
    );
  }

  /** Takes the present record over as it is. */
  keep(): void {
    if (this.#spoilt) this.#sink.copy(this.record);
    this.#step();
  }

  /** The present record whole; it will be replaced by what the caller writes. */
  take(): Entry {
    this.#spoil();
    const entry = this.record.entry();
    this.#step();
    return entry;
  }

  /** Goes past what the parent has of `path`, where that is the present record still: it is gone from the tree. */
  leave(path: string): void {
    if (this.isAtPath(path)) this.#drop();
  }

  /** True where the present record is that of `path`. */
  isAtPath(path: string): boolean {
    return !this.#ended && this.record.path === path;
  }

  /** Something that the parent does not have at this place. */
  write(entry: Entry): void {
    // Between two pages nothing is spoilt: the entry simply comes before the next page.
    if (!this.#ended && this.record.count - 1 > this.#from) this.#spoil();
    this.#sink.write(entry);
  }

  /** Another task sees to everything at and below `path`; its pages will stand between ours. */
  skipWithin(path: string): void {
    this.find(path);
    if (this.#ended) return;
    this.#tellPart();
    const last = this.#pages.find(path, isBelow);
    if (last > this.#row) {
      this.#row = last;
      this.#openPage();
    }
    while (!this.#ended && isBelow(this.record.path, path)) this.#pass();
  }

  /** What is left of the task's range is gone from the tree. */
  finish(): void {
    while (!this.#ended && isBelow(this.record.path, this.#within)) this.#drop();
    if (!this.#ended) this.#tellPart();
  }

  /** Ends our part of the present page before the present record. */
  #tellPart(): void {
    const passed = this.record.count - 1;
    if (!this.#spoilt && passed > this.#from) this.#sink.part(this.#row, this.#plain, this.#from, passed);
    this.#spoilt = false;
    this.#from = passed;
  }

  /** Leaves the present record to another task. */
  #pass(): void {
    if (this.#cursor!.next()) {
      this.#from = this.record.count - 1;
      return;
    }
    this.#row++;
    this.#openPage();
  }

  #drop(): void {
    this.#spoil();
    this.#step();
  }

  /** Makes the present page one that is written anew. */
  #spoil(): void {
    if (this.#spoilt) return;
    this.#spoilt = true;
    const passed = this.record.count - 1;
    if (passed > this.#from) eachRecord(this.#plain, this.#from, passed, (one) => this.#sink.copy(one));
  }

  #step(): void {
    if (this.#cursor!.next()) return;
    const { count } = this.record;
    if (!this.#spoilt && this.#from === 0) this.#sink.reuse(this.#row, this.record);
    else if (!this.#spoilt) this.#sink.part(this.#row, this.#plain, this.#from, count);
    this.#row++;
    this.#openPage();
  }

  #openPage(): void {
    this.#spoilt = false;
    this.#from = 0;
    const row = this.#pages.rows[this.#row];
    if (row === undefined) {
      this.#ended = true;
      return;
    }
    this.#sink.comesTo(this.#row);
    this.#plain = this.#pages.load(row);
    this.#cursor = new PageCursor(this.#plain);
    this.#cursor.next();
    if (this.#within !== '' && compareLatin1Paths(this.record.path, this.#within) > 0) {
      this.#ended = !isBelow(this.record.path, this.#within);
    }
  }
}

/** From its end on: neighbours differ there. */
function beginsWith(path: Buffer, prefix: Buffer): boolean {
  for (let i = prefix.length - 1; i >= 0; i--) if (path[i] !== prefix[i]) return false;
  return true;
}

function hasOwnContent({ mode, flags }: PageCursor): boolean {
  return (mode & fileType.mask) === fileType.regular && (flags & entryFlags.linked) === 0;
}
