/**
 * What a verification has checked already of one account: its snapshots share most of what they name, and a chain of
 * thirty would be read thirty times over.
 *
 * What was found wrong is told to each snapshot that asks. Of another account nothing is known any more, so that
 * memory holds one account: a line for each object and each index page, and a number for each of so many contents.
 */

import { createHash } from 'node:crypto';
import type { Content } from '../archive/entry.ts';
import type { ManifestHeader } from '../archive/manifest.ts';
import type { LinkPageRow, ObjectRow, PageRow } from '../archive/root.ts';

/** The numbers of the objects in which the contents of each page lie. */
export type PageObjects = ReadonlyMap<PageRow | LinkPageRow, ReadonlySet<number>>;

/** About 20 MB. Of an account with more, whole pages alone are left out. */
export const knownContents = 500_000;

export class CheckedOnce {
  #account = '';
  readonly #checks = new Map<string, Promise<void>>();
  readonly #pages = new Set<string>();
  readonly #contents = new Set<number>();

  /** To be called before all else of a snapshot. */
  begin({ server, owner }: Pick<ManifestHeader, 'server' | 'owner'>): void {
    const account = `${server}/${owner}`;
    if (account === this.#account) return;
    this.#account = account;
    this.#checks.clear();
    this.#pages.clear();
    this.#contents.clear();
  }

  /** Fails for everybody as `check` did for the first one. */
  once(id: string, check: () => Promise<void>): Promise<void> {
    const known = this.#checks.get(id);
    if (known !== undefined) return known;
    const made = check();
    this.#checks.set(id, made);
    return made;
  }

  /** For the pages of one snapshot. @param used of every page */
  pages(objects: readonly ObjectRow[], used: PageObjects): CheckedPages {
    const places = new Map(objects.map((row) => [row.number, placeOf(row)]));
    const idOf = (page: PageRow | LinkPageRow): string => {
      const id = createHash('sha256').update(page.digest);
      for (const number of [...(used.get(page) ?? [])].sort((a, b) => a - b))
        id.update(`${number} ${places.get(number)} `);
      return id.digest('base64');
    };
    return {
      isWhole: (page) => this.#pages.has(idOf(page)),
      setWhole: (page, contents) => {
        this.#pages.add(idOf(page));
        for (const id of contents) if (this.#contents.size < knownContents) this.#contents.add(id);
      },
      idOf: (content) => contentId(content, places),
      isKnown: (id) => this.#contents.has(id),
    };
  }
}

export interface CheckedPages {
  /** Every content of the page was read, from the same objects by the same keys, and is what the page says. */
  isWhole(page: PageRow | LinkPageRow): boolean;
  /** @param contents ids of those it has */
  setWhole(page: PageRow | LinkPageRow, contents: readonly number[]): void;
  /** Of a content where it lies. */
  idOf(content: Content): number;
  /** A content of this id was read and is what its page says. */
  isKnown(id: number): boolean;
}

/** 52 bits: of a million contents two hardly ever have the same. */
function contentId({ size, sha256, extents }: Content, places: ReadonlyMap<number, string>): number {
  const id = createHash('sha256').update(`${size} `);
  for (const { object, tarOffset, offset, length } of extents)
    id.update(`${places.get(object)} ${tarOffset} ${offset} ${length} `);
  if (sha256 !== null) id.update(sha256);
  const digest = id.digest();
  return digest.readUIntBE(0, 6) * 16 + (digest[6]! & 15);
}

/** All that an index says of an object: where two differ, what was read by the one proves nothing for the other. */
function placeOf({ key, storedBytes, sha256, frames, seal }: ObjectRow): string {
  const id = createHash('sha256').update(`${key} ${storedBytes} `).update(sha256);
  for (const { compressed, plain } of frames) id.update(`${compressed} ${plain} `);
  if (seal !== undefined) id.update(`${seal.epoch} `).update(seal.sealed);
  return id.digest('base64');
}
