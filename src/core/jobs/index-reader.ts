/**
 * Reads the index of one snapshot: its root, and of its pages only those that are asked for.
 *
 * Every byte is checked on the way (root and pages against their hashes), and memory holds a few pages at
 * a time whatever the size of the account.
 */

import { hash } from 'node:crypto';
import { comparePaths, type Entry, isWithin, type LinkRecord } from '../archive/entry.ts';
import type { ObjectRef } from '../archive/manifest.ts';
import { decompressPart, readLinkPage, readPage } from '../archive/page-reader.ts';
import { decodeRoot, type LinkPageRow, type PageRow, type Root } from '../archive/root.ts';
import { type KeyedProvider, readPayload, type StoredObject } from '../encryption/keyed-provider.ts';
import { isHoldfastError } from '../errors.ts';
import type { Snapshot } from './catalog.ts';
import { damagedObject, lostIndex } from './index-errors.ts';

const rootLimitBytes = 512 * 1024 * 1024;
/** Pages that lie near each other are fetched by one request of at most this size. */
const batchBytes = 4 * 1024 * 1024;
/** Links come in path order, their records in inode order. */
const cachedLinkPages = 64;
const emptyRoot: Root = { trees: [], objects: [], pages: [], linkPages: [] };

type Row = Omit<PageRow, 'first'>;

export interface IndexReader {
  readonly root: Root;
  /** In path order; `within`: that path and what lies below it. */
  entries(within?: Buffer): AsyncGenerator<Entry>;
  /** Rows of the pages that can hold entries within a path. */
  pagesWithin(within?: Buffer): readonly PageRow[];
  /**
   * Decompressed pages in the order of `rows`, fetched in large pieces.
   *
   * @param damaged hears of pages that cannot be read, which are then passed over; without it they throw
   */
  pages<R extends Row>(
    rows: readonly R[],
    damaged?: (row: R, message: string) => void,
  ): AsyncGenerator<{ readonly row: R; readonly plain: Buffer }>;
  /** Pages as stored, unchecked. */
  frames<R extends Row>(rows: readonly R[]): AsyncGenerator<{ readonly row: R; readonly frame: Buffer }>;
  lookup(path: Buffer): Promise<Entry | null>;
  linkRecord(device: number, inode: bigint): Promise<LinkRecord | null>;
  linkRecords(): AsyncGenerator<LinkRecord>;
}

/** @throws OBJECT_MISSING, OBJECT_DAMAGED, FORMAT_UNSUPPORTED */
export async function openIndex(
  provider: KeyedProvider,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<IndexReader> {
  const { index } = snapshot.body;
  if (index === null) return new Reader(provider, emptyRoot, [], signal);
  const named = [...snapshot.header.objects, ...snapshot.header.references];
  const object = named.find((one) => one.number === index.object);
  if (object === undefined || index.plainBytes > rootLimitBytes)
    throw damagedObject(`manifest of ${snapshot.name}`);
  const range = { offset: index.offset, length: index.length };
  const frame = await readPayload(provider, indexObject(object, index.sealed), range, signal).catch(
    lostIndex,
  );
  if (hash('sha256', frame, 'hex') !== index.sha256) throw damagedObject(`index ${object.key}`);
  const root = decodeRoot(decompressPart(frame, index.plainBytes, `index ${object.key}`));
  return new Reader(provider, root, named, signal);
}

function indexObject({ key, size, epoch }: ObjectRef, sealed: string | undefined): StoredObject {
  if (epoch === undefined || sealed === undefined) return { key, storedBytes: size };
  return { key, storedBytes: size, seal: { epoch, sealed: Buffer.from(sealed, 'base64') } };
}

function reportOrThrow<R>(error: unknown, row: R, report?: (row: R, message: string) => void): void {
  if (report === undefined || !isHoldfastError(error) || !error.code.startsWith('OBJECT_')) throw error;
  report(row, error.message);
}

/** Bytes of an index object, from `offset` on. */
interface Piece {
  readonly key: string;
  readonly offset: number;
  readonly bytes: Buffer;
}

class Reader implements IndexReader {
  readonly root: Root;
  readonly #provider: KeyedProvider;
  readonly #signal: AbortSignal;
  readonly #objects: ReadonlyMap<number, StoredObject>;
  /** The last page that was fetched alone: whoever looks a path up reads that page next. */
  #single: Piece | null = null;

  /** @param named the manifest's objects: an index does not know how large it became itself */
  constructor(provider: KeyedProvider, root: Root, named: readonly ObjectRef[], signal: AbortSignal) {
    this.root = root;
    this.#provider = provider;
    this.#signal = signal;
    const sizes = new Map(named.map(({ number, size }) => [number, size]));
    this.#objects = new Map(
      root.objects.map((row) => [
        row.number,
        { ...row, storedBytes: sizes.get(row.number) ?? row.storedBytes },
      ]),
    );
  }

  pagesWithin(within: Buffer = Buffer.alloc(0)): readonly PageRow[] {
    const { pages } = this.root;
    if (within.length === 0) return pages;
    let [low, high] = [0, pages.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePaths(pages[middle]!.first, within) <= 0) low = middle + 1;
      else high = middle;
    }
    const from = Math.max(0, low - 1);
    let to = low;
    while (to < pages.length && isWithin(pages[to]!.first, within)) to++;
    return pages.slice(from, to);
  }

  async *frames<R extends Row>(rows: readonly R[]): AsyncGenerator<{ row: R; frame: Buffer }> {
    for (let at = 0; at < rows.length; ) {
      const batch = batchFrom(rows, at);
      const { bytes, offset } = await this.#fetch(batch);
      for (const row of batch) {
        yield { row, frame: bytes.subarray(row.offset - offset, row.offset - offset + row.length) };
      }
      at += batch.length;
    }
  }

  async #fetch<R extends Row>(batch: readonly R[]): Promise<Piece> {
    const offset = Math.min(...batch.map((row) => row.offset));
    const end = Math.max(...batch.map((row) => row.offset + row.length));
    const object = this.#objects.get(batch[0]!.object);
    if (object === undefined) throw damagedObject('an index root');
    const { key } = object;
    const known = this.#single;
    if (known?.key === key && known.offset === offset && known.bytes.length === end - offset) return known;
    const range = { offset, length: end - offset };
    const bytes = await readPayload(this.#provider, object, range, this.#signal);
    const piece = { key, offset, bytes };
    if (batch.length === 1) this.#single = piece;
    return piece;
  }

  async *pages<R extends Row>(
    rows: readonly R[],
    damaged?: (row: R, message: string) => void,
  ): AsyncGenerator<{ row: R; plain: Buffer }> {
    for (let at = 0; at < rows.length; ) {
      const batch = batchFrom(rows, at);
      at += batch.length;
      let fetched: Piece;
      try {
        fetched = await this.#fetch(batch);
      } catch (error) {
        for (const row of batch) reportOrThrow(error, row, damaged);
        continue;
      }
      const { bytes, offset, key } = fetched;
      for (const row of batch) {
        const frame = bytes.subarray(row.offset - offset, row.offset - offset + row.length);
        let plain: Buffer;
        try {
          plain = decompressPart(frame, row.plainBytes, `a page of index ${key}`);
        } catch (error) {
          reportOrThrow(error, row, damaged);
          continue;
        }
        yield { row, plain };
      }
    }
  }

  async *entries(within: Buffer = Buffer.alloc(0)): AsyncGenerator<Entry> {
    for await (const { row, plain } of this.pages(this.pagesWithin(within))) {
      for (const entry of readPage(plain, row.digest)) {
        if (isWithin(entry.path, within)) yield entry;
        else if (comparePaths(entry.path, within) > 0) return;
      }
    }
  }

  async lookup(path: Buffer): Promise<Entry | null> {
    const row = this.pagesWithin(path)[0];
    if (row === undefined) return null;
    for await (const { plain } of this.pages([row])) {
      for (const entry of readPage(plain, row.digest)) if (entry.path.equals(path)) return entry;
    }
    return null;
  }

  readonly #linkCache = new Map<LinkPageRow, ReadonlyMap<string, LinkRecord>>();

  async #linkPage(row: LinkPageRow): Promise<ReadonlyMap<string, LinkRecord>> {
    const cached = this.#linkCache.get(row);
    if (cached !== undefined) return cached;
    const records = new Map<string, LinkRecord>();
    for await (const { plain } of this.pages([row])) {
      for (const record of readLinkPage(plain, row.digest)) {
        records.set(`${record.device}:${record.inode}`, record);
      }
    }
    if (this.#linkCache.size >= cachedLinkPages) {
      this.#linkCache.delete(this.#linkCache.keys().next().value!);
    }
    this.#linkCache.set(row, records);
    return records;
  }

  async linkRecord(device: number, inode: bigint): Promise<LinkRecord | null> {
    const { linkPages } = this.root;
    const before = (page: LinkPageRow): boolean =>
      page.firstDevice < device || (page.firstDevice === device && page.firstInode <= inode);
    const row = linkPages.findLast(before);
    if (row === undefined) return null;
    return (await this.#linkPage(row)).get(`${device}:${inode}`) ?? null;
  }

  async *linkRecords(): AsyncGenerator<LinkRecord> {
    for await (const { row, plain } of this.pages(this.root.linkPages))
      yield* readLinkPage(plain, row.digest);
  }
}

/** Rows from `at` on that lie in one object and close enough to be fetched together. */
function batchFrom<R extends Row>(rows: readonly R[], at: number): R[] {
  const first = rows[at]!;
  const batch = [first];
  let [low, high] = [first.offset, first.offset + first.length];
  for (const row of rows.slice(at + 1, at + 256)) {
    low = Math.min(low, row.offset);
    high = Math.max(high, row.offset + row.length);
    if (row.object !== first.object || high - low > batchBytes) break;
    batch.push(row);
  }
  return batch;
}
