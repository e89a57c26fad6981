/**
 * Verifies the pages of an index: whole, in order, and pointing inside the objects they name, which are there.
 *
 * A file with several names is told under each of them: whoever restores by one of the others must hear of it.
 */

import { type Content, comparePaths, type Entry, entryFlags, fileType, typeOf } from '../archive/entry.ts';
import { readLinkPage, readPage } from '../archive/page-reader.ts';
import type { LinkPageRow, PageRow, Root } from '../archive/root.ts';
import type { IndexReader } from './index-reader.ts';
import { Frames } from './restore/frames.ts';
import { damagedPage } from './restore/page-works.ts';
import type { PageObjects } from './verify-once.ts';

export type PathProblem = (path: Buffer, message: string) => void;

/**
 * Every page against its digest, every extent against the objects.
 *
 * @param lost what is wrong with objects of these numbers
 * @returns of all pages that can be read
 */
export async function checkPages(
  reader: IndexReader,
  lost: ReadonlyMap<number, string>,
  problem: PathProblem,
): Promise<PageObjects> {
  const used = new Map<PageRow | LinkPageRow, Set<number>>();
  const frames = new Frames(reader.root.objects, () => Promise.reject(new Error('nothing is fetched here')));
  const wrongWith = ({ extents }: Content, page: PageRow | LinkPageRow): string | null => {
    const numbers = used.get(page) ?? new Set();
    used.set(page, numbers);
    for (const { object } of extents) numbers.add(object);
    try {
      for (const { object, tarOffset, length } of extents) {
        const gone = lost.get(object);
        if (gone !== undefined) return gone;
        frames.covering(object, tarOffset, length);
      }
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  };
  const links = await checkLinkPages(reader, wrongWith);
  const lostPage = (row: PageRow, message: string): void => {
    problem(row.first, damagedPage(row.count, message));
    for (const tree of treesFrom(reader.root, row)) problem(Buffer.from(tree), message);
  };
  let before: Buffer = Buffer.alloc(0);
  for await (const { row, plain } of reader.pages(reader.root.pages, lostPage)) {
    try {
      for (const entry of readPage(plain, row.digest)) {
        if (before.length > 0 && comparePaths(before, entry.path) >= 0)
          problem(entry.path, 'is not in order');
        before = entry.path;
        const wrong = entry.content === null ? links.wrongWith(entry) : wrongWith(entry.content, row);
        if (wrong !== null) problem(entry.path, wrong);
      }
    } catch (error) {
      lostPage(row, (error as Error).message);
    }
  }
  return used;
}

/**
 * The trees that begin on a page after its first entry. None where a capture made it; one of an index that repair made
 * again before it cut them there may hold several.
 */
export function treesFrom({ trees, pages }: Root, row: PageRow): string[] {
  const next = pages[pages.indexOf(row) + 1];
  const begins = ({ name }: { readonly name: string }): boolean => {
    const path = Buffer.from(name);
    return comparePaths(path, row.first) > 0 && (next === undefined || comparePaths(path, next.first) < 0);
  };
  return trees.filter(begins).map(({ name }) => name);
}

/** What is wrong with the contents that linked files share. */
class WrongLinks {
  readonly #devices: ReadonlyMap<string, number>;
  readonly #messages = new Map<string, string>();
  /** Link pages that cannot be read, with the first record of the page after it. */
  readonly #pages: { row: LinkPageRow; next: LinkPageRow | undefined; message: string }[] = [];

  constructor({ root }: IndexReader) {
    this.#devices = new Map(root.trees.map(({ name, device }) => [name, device]));
  }

  get isEmpty(): boolean {
    return this.#messages.size === 0 && this.#pages.length === 0;
  }

  addPage(row: LinkPageRow, next: LinkPageRow | undefined, message: string): void {
    this.#pages.push({ row, next, message });
  }

  add({ device, inode }: { readonly device: number; readonly inode: bigint }, message: string): void {
    this.#messages.set(`${device}:${inode}`, message);
  }

  wrongWith(entry: Entry): string | null {
    if (this.isEmpty || (entry.flags & entryFlags.linked) === 0 || typeOf(entry) !== fileType.regular)
      return null;
    const device = this.#devices.get(entry.path.toString('latin1').split('/', 1)[0]!) ?? 0;
    const { inode } = entry;
    const isIn = ({ row, next }: { row: LinkPageRow; next: LinkPageRow | undefined }): boolean =>
      isFrom(row, device, inode) && (next === undefined || !isFrom(next, device, inode));
    return this.#messages.get(`${device}:${inode}`) ?? this.#pages.find(isIn)?.message ?? null;
  }
}

const isFrom = ({ firstDevice, firstInode }: LinkPageRow, device: number, inode: bigint): boolean =>
  firstDevice < device || (firstDevice === device && firstInode <= inode);

/**
 * @param wrongWith what is wrong with a content; null where nothing is
 * @param rows left out: all
 */
export async function checkLinkPages(
  reader: IndexReader,
  wrongWith: (content: Content, page: LinkPageRow) => string | null | Promise<string | null>,
  rows: readonly LinkPageRow[] = reader.root.linkPages,
): Promise<WrongLinks> {
  const links = new WrongLinks(reader);
  const { linkPages } = reader.root;
  const lostPage = (row: LinkPageRow, message: string): void =>
    links.addPage(row, linkPages[linkPages.indexOf(row) + 1], message);
  for await (const { row, plain } of reader.pages(rows, lostPage)) {
    try {
      for (const record of readLinkPage(plain, row.digest)) {
        const wrong = await wrongWith(record.content, row);
        if (wrong !== null) links.add(record, wrong);
      }
    } catch (error) {
      lostPage(row, (error as Error).message);
    }
  }
  return links;
}

/**
 * Tells every name of the linked files of which `wrongWith` says that their content is wrong.
 *
 * @param rows those whose contents are asked about
 * @returns whether there is none
 */
export async function checkLinked(
  reader: IndexReader,
  rows: readonly LinkPageRow[],
  wrongWith: (content: Content) => Promise<string | null>,
  problem: PathProblem,
): Promise<boolean> {
  const links = await checkLinkPages(reader, wrongWith, rows);
  if (links.isEmpty) return true;
  for await (const { row, plain } of reader.pages(reader.root.pages, () => {})) {
    try {
      for (const entry of readPage(plain, row.digest)) {
        const wrong = links.wrongWith(entry);
        if (wrong !== null) problem(entry.path, wrong);
      }
    } catch {
      // `checkPages` has told of it.
    }
  }
  return false;
}
