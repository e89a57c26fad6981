/**
 * Finds content that the account's snapshots hold already, by its hash.
 *
 * What is new is mostly known by its key alone, see `content-keys.ts`. Else the parent's pages and those that interrupted runs
 * left are looked through, once: two small numbers per file, never the entries themselves, so that a million files cost a few
 * megabytes. A hit is read again from its page and compared.
 */

import { eachContent } from '../../archive/contents-of-page.ts';
import { type Content, type Extent, hasHoles } from '../../archive/entry.ts';
import { PageCursor } from '../../archive/page-cursor.ts';
import { readLinkPage } from '../../archive/page-reader.ts';
import { isHoldfastError } from '../../errors.ts';
import { smallBytes } from './content-hash.ts';
import {
  ContentKeys,
  type ContentKeysPlace,
  hashKey,
  KeyList,
  type NotedContents,
  sizeKey,
} from './content-keys.ts';
import type { ParentPages, ParentRow } from './parent-pages.ts';

const recordBits = 12;
const mostRecords = 1 << recordBits;
const empty = 0xffffffff;

interface Source {
  readonly pages: ParentPages;
  readonly row: ParentRow;
  readonly linked: boolean;
  /** Null for the parent, whose numbers are this snapshot's. */
  readonly numbers: ReadonlyMap<number, number> | null;
}

export class KnownContents {
  readonly #sources: readonly Source[];
  #keys = new Uint32Array(0);
  #places = new Uint32Array(0);
  /** Of contents that are not small. */
  readonly #largeSizes = new Set<number>();
  #built = false;
  readonly #linkContents = new Map<number, readonly (Content | null)[]>();
  readonly #place: ContentKeysPlace | null;
  /** Undefined until they are asked for; null where there are none, and another thread gathers them. */
  #contentKeys: ContentKeys | null | undefined;
  #gathered: Float64Array | null = null;
  readonly #added = new KeyList(0);
  readonly #mayGather: () => boolean;

  /**
   * @param parent null: a full, which refers to nothing
   * @param place null: no keys are kept of this parent
   * @param mayGather true for one thread of the account only
   */
  static of(
    parent: ParentPages | null,
    place: ContentKeysPlace | null,
    mayGather: () => boolean,
  ): KnownContents | null {
    return parent === null ? null : new KnownContents(parent, place, mayGather);
  }

  private constructor(parent: ParentPages, place: ContentKeysPlace | null, mayGather: () => boolean) {
    this.#place = place;
    this.#mayGather = mayGather;
    const left = parent.left.flatMap(({ pages, numbers }) => sourcesOf(pages, numbers));
    this.#sources = [...sourcesOf(parent, null), ...left];
  }

  /** False where no file of this size is there, so that hashing it before it is stored would be for nothing. */
  mayHaveSize(size: number): boolean {
    if (size <= smallBytes) return true;
    const hasKey = this.#hasKey(sizeKey(size));
    if (hasKey !== null) return hasKey;
    this.#build();
    return this.#largeSizes.has(size);
  }

  /** `sparse`: whether the hash is that of a file with holes, which also tells where they are. */
  find(size: number, sha256: Buffer, sparse: boolean): Content | null {
    if (this.#hasKey(hashKey(sha256)) === false) return null;
    this.#build();
    const mask = this.#keys.length - 1;
    const key = sha256.readUInt32LE(0);
    for (let slot = key & mask; this.#places[slot] !== empty; slot = (slot + 1) & mask) {
      if (this.#keys[slot] !== key) continue;
      const place = this.#places[slot]!;
      const content = this.#contentAt(place >>> recordBits, place & (mostRecords - 1));
      if (content === null || content.size !== size || hasHoles(content) !== sparse) continue;
      if (content.sha256?.equals(sha256)) return content;
    }
    return null;
  }

  /** Of what is stored, for those who look for it in later snapshots. */
  note({ size, sha256 }: Content): void {
    if (this.#place !== null && sha256 !== null) this.#added.add(size, sha256);
  }

  /** Null where no keys are kept. To be called once, at the end. */
  noted(): NotedContents | null {
    if (this.#place === null) return null;
    return { all: this.#gathered, added: this.#added.keys };
  }

  /** Null where there are no keys. */
  #hasKey(key: number): boolean | null {
    if (this.#contentKeys === undefined) this.#contentKeys = this.#readKeys();
    return this.#contentKeys?.has(key) ?? null;
  }

  /** Those that are kept, among which are none of what interrupted runs left; else one thread gathers them. */
  #readKeys(): ContentKeys | null {
    if (this.#place === null) return null;
    const isKept = this.#sources.every(({ numbers }) => numbers === null);
    const kept = isKept ? ContentKeys.read(this.#place) : null;
    if (kept !== null || !this.#mayGather()) return kept;
    this.#gathered = this.#gather();
    return ContentKeys.of(this.#gathered);
  }

  /** A third of the memory that a place for each content takes, which nobody needs where all that is stored is new. */
  #gather(): Float64Array {
    const keys = new KeyList(this.#files);
    for (const [row, source] of this.#sources.entries()) {
      if (!source.linked)
        tryToRead(source, (plain) => eachContent(plain, (_, size, hashAt) => keys.add(size, plain, hashAt)));
      else for (const one of this.#linkContentsOf(row)) if (one?.sha256) keys.add(one.size, one.sha256);
    }
    return keys.keys.sort();
  }

  get #files(): number {
    return this.#sources.reduce((sum, { row }) => sum + row.count, 0);
  }

  #contentAt(row: number, record: number): Content | null {
    const source = this.#sources[row]!;
    if (source.linked) return this.#linkContentsOf(row)[record] ?? null;
    const content = tryToRead(source, (plain) => {
      const cursor = new PageCursor(plain);
      for (let i = 0; i <= record; i++) if (!cursor.next()) return null;
      return cursor.entry().content;
    });
    return renumbered(content, source.numbers);
  }

  #linkContentsOf(row: number): readonly (Content | null)[] {
    let contents = this.#linkContents.get(row);
    if (contents === undefined) {
      const { numbers } = this.#sources[row]!;
      const read = tryToRead(this.#sources[row]!, (plain) =>
        Array.from(readLinkPage(plain, null), ({ content }) => renumbered(content, numbers)),
      );
      contents = read ?? [];
      this.#linkContents.clear();
      this.#linkContents.set(row, contents);
    }
    return contents;
  }

  #build(): void {
    if (this.#built) return;
    this.#built = true;
    const slots = 1 << Math.ceil(Math.log2(Math.max(16, this.#files * 2)));
    this.#keys = new Uint32Array(slots);
    this.#places = new Uint32Array(slots).fill(empty);
    for (let row = 0; row < Math.min(this.#sources.length, 2 ** (32 - recordBits) - 1); row++) {
      if (this.#sources[row]!.linked) this.#noteLinked(row);
      else this.#note(row);
    }
  }

  #note(row: number): void {
    tryToRead(this.#sources[row]!, (plain) =>
      eachContent(plain, (record, size, hashAt) => {
        if (record < mostRecords) this.#put(size, plain.readUInt32LE(hashAt), (row << recordBits) | record);
      }),
    );
  }

  #noteLinked(row: number): void {
    for (const [i, content] of this.#linkContentsOf(row).slice(0, mostRecords).entries()) {
      if (!content?.sha256) continue;
      this.#put(content.size, content.sha256.readUInt32LE(0), (row << recordBits) | i);
    }
  }

  #put(size: number, key: number, place: number): void {
    if (size > smallBytes) this.#largeSizes.add(size);
    const mask = this.#keys.length - 1;
    let slot = key & mask;
    while (this.#places[slot] !== empty) slot = (slot + 1) & mask;
    this.#keys[slot] = key;
    this.#places[slot] = place >>> 0;
  }
}

function sourcesOf(pages: ParentPages, numbers: Source['numbers']): Source[] {
  return [
    ...pages.rows.map((row) => ({ pages, row, linked: false, numbers })),
    ...pages.linkRows.map((row) => ({ pages, row, linked: true, numbers })),
  ];
}

/** Null where an interrupted run left something damaged, which is only a help. @throws OBJECT_DAMAGED a page of the parent is damaged */
function tryToRead<T>({ pages, row, numbers }: Source, read: (plain: Buffer) => T): T | null {
  try {
    return read(pages.load(row));
  } catch (error) {
    if (numbers === null || !isHoldfastError(error)) throw error;
    return null;
  }
}

/** Null where some of it lies in an object that is not there. */
function renumbered(content: Content | null, numbers: Source['numbers']): Content | null {
  if (content === null || numbers === null) return content;
  const extents: Extent[] = [];
  for (const extent of content.extents) {
    const object = numbers.get(extent.object);
    if (object === undefined) return null;
    extents.push({ ...extent, object });
  }
  return { ...content, extents };
}
