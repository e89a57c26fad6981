/**
 * The index pages of the snapshot that an incremental capture compares with, as a worker reads them.
 *
 * They lie in private files of the state, or were sent where they are few; a worker reads and decompresses a page when its
 * walk gets there. Every page is checked against its digest.
 */

import { hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { ByteReader } from '../../archive/bytes.ts';
import { compareLatin1Paths } from '../../archive/entry.ts';
import { decompressPart } from '../../archive/page-reader.ts';
import { HoldfastError } from '../../errors.ts';

export interface ParentRow {
  /** In which of the files. */
  readonly file: number;
  readonly offset: number;
  readonly length: number;
  readonly plainBytes: number;
  readonly count: number;
  readonly digest: Uint8Array;
  /** Path of the first entry, latin1; empty for a page of links. */
  readonly first: string;
}

/** Plain data, sent to each worker. */
export interface ParentFile {
  /** Paths of the files, or what would stand in them. */
  readonly pages: readonly (string | Uint8Array)[];
  readonly rows: readonly ParentRow[];
  readonly linkRows: readonly ParentRow[];
  /** For what interrupted runs stored, of which nothing but the contents is of use. */
  readonly left?: readonly LeftFile[];
}

export interface LeftFile extends ParentFile {
  /** Of the objects that are there: the number in these pages, and the one in this snapshot. */
  readonly numbers: ReadonlyMap<number, number>;
}

/**
 * Full pages that a directory has to fill to be large: some thousand entries, which one worker soon passes. Entries are
 * counted, for where threads went to and fro there is a page for each directory.
 */
const largePages = 8;
/** In an account that fills so many, half of one is enough: the whole would take one worker long. */
const hugeAccountPages = 64;
/** Of an entry in a page, roughly. */
const entryBytes = 100;

/** Of pages as they are decompressed: a walk passes them, and what looks for known contents has them once more. */
const keptBytes = 4 * 1024 * 1024;

/** Of the page that is read: one buffer for each would be as much garbage as the whole index. */
let scratch = Buffer.alloc(0);

/** Foreseen pages, at most. */
const earlyPages = 8;

/** At or below a directory; everything lies below the empty path. */
export function isBelow(path: string, ancestor: string): boolean {
  if (ancestor === '') return true;
  return path.startsWith(ancestor) && (path.length === ancestor.length || path[ancestor.length] === '/');
}

const dot = 0x2e;

/** `.` and `..` lead elsewhere. */
export const isDots = (name: Buffer, length: number): boolean =>
  name[0] === dot && (length === 1 || (length === 2 && name[1] === dot));

export const noName = (): HoldfastError =>
  new HoldfastError('OBJECT_DAMAGED', 'a page of the parent index has a name that no directory holds', {
    hint: 'Run a full backup; `holdfast verify` shows which snapshots are affected.',
  });

/** A page as it was before it was compressed. @throws OBJECT_DAMAGED */
export function checkedPage(
  frame: Uint8Array,
  { plainBytes, digest }: Pick<ParentRow, 'plainBytes' | 'digest'>,
): Buffer {
  const plain = decompressPart(frame, plainBytes, 'a page of the parent index');
  const head = new ByteReader(plain);
  const length = head.varint();
  if (hash('sha256', head.raw(length), 'buffer').equals(digest)) return plain;
  throw new HoldfastError('OBJECT_DAMAGED', 'a page of the parent index has another hash', {
    hint: 'Run a full backup; `holdfast verify` shows which snapshots are affected.',
  });
}

export class ParentPages {
  readonly rows: readonly ParentRow[];
  readonly linkRows: readonly ParentRow[];
  readonly left: { readonly pages: ParentPages; readonly numbers: LeftFile['numbers'] }[] = [];
  readonly #files: readonly (string | Uint8Array)[];
  /** By file; -1 for what is in memory. */
  readonly #fds: number[] = [];
  readonly #kept = new Map<ParentRow, Buffer>();
  #room = keptBytes;
  readonly #early = new Map<ParentRow, Buffer>();
  #passed: readonly number[] | null = null;

  constructor(file: ParentFile) {
    this.rows = file.rows;
    this.linkRows = file.linkRows;
    this.#files = file.pages;
    try {
      for (const one of file.pages) this.#fds.push(typeof one === 'string' ? openSync(one, 'r') : -1);
      for (const one of file.left ?? [])
        this.left.push({ pages: new ParentPages(one), numbers: one.numbers });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** What it returns is not to be changed. @throws OBJECT_DAMAGED */
  load(row: ParentRow): Buffer {
    let plain = this.#kept.get(row);
    if (plain !== undefined) return plain;
    plain = this.#early.get(row) ?? this.#read(row);
    this.#early.delete(row);
    if (plain.length <= this.#room) {
      this.#room -= plain.length;
      this.#kept.set(row, plain);
    }
    return plain;
  }

  /** As `load`, of a page that the walk comes to soon, and which is kept until then. */
  foresee(row: ParentRow): Buffer {
    const plain = this.#kept.get(row) ?? this.#early.get(row) ?? this.#read(row);
    if (this.#kept.has(row)) return plain;
    this.#early.set(row, plain);
    // What a task that ended has foreseen nobody comes to.
    if (this.#early.size > earlyPages) this.#early.delete(this.#early.keys().next().value!);
    return plain;
  }

  #read(row: ParentRow): Buffer {
    return checkedPage(this.#frame(row), row);
  }

  /** Until the next one is read. */
  #frame({ file, offset, length }: ParentRow): Uint8Array {
    const source = this.#files[file]!;
    if (typeof source !== 'string') return source.subarray(offset, offset + length);
    if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(2 * length);
    readSync(this.#fds[file]!, scratch, 0, length, offset);
    return scratch.subarray(0, length);
  }

  /** Number of the page that can hold `path`; with `isBelow` as well of the last that can hold something below it. */
  find(path: string, isWithin: (one: string, ancestor: string) => boolean = () => false): number {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const { first } = this.rows[middle]!;
      if (compareLatin1Paths(first, path) <= 0 || isWithin(first, path)) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /**
   * True for a directory of which so much is there that another worker should see to it.
   *
   * @param pageBytes size at which pages are closed
   */
  isLarge(path: string, pageBytes: number): boolean {
    this.#passed ??= countsBefore(this.rows);
    const entriesOfPage = pageBytes / entryBytes;
    const pages = (this.#passed[this.find(path, isBelow)]! - this.#passed[this.find(path)]!) / entriesOfPage;
    return pages >= (this.#passed.at(-1)! / entriesOfPage < hugeAccountPages ? largePages : 0.5);
  }

  /** May be called again. */
  close(): void {
    for (const fd of this.#fds.splice(0)) if (fd >= 0) closeSync(fd);
    for (const { pages } of this.left) pages.close();
  }
}

/** Entries before each page, and at last all of them. */
function countsBefore(rows: readonly ParentRow[]): number[] {
  const passed = [0];
  for (const [i, { count }] of rows.entries()) passed.push(passed[i]! + count);
  return passed;
}
