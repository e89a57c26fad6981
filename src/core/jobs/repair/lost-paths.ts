/**
 * Which paths of a snapshot are lost: those on index pages that cannot be read, and those whose contents lie
 * in an object that is missing, or in a damaged part of one.
 */

import type { Content } from '../../archive/entry.ts';
import { readLinkPage, readPage } from '../../archive/page-reader.ts';
import type { LinkPageRow, PageRow } from '../../archive/root.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { isHoldfastError } from '../../errors.ts';
import { displayName } from '../../filesystem/xattrs.ts';
import type { IndexReader } from '../index-reader.ts';
import { eachRange } from '../restore/contents.ts';
import { Frames, fetchFrom } from '../restore/frames.ts';
import { checkLinkPages, treesFrom } from '../verify-pages.ts';
import type { LostPage } from './types.ts';

/** Of each snapshot so many are named; all are counted. */
export const namedPaths = 10_000;

export interface LostRequest {
  readonly provider: KeyedProvider;
  readonly reader: IndexReader;
  readonly missing: ReadonlySet<string>;
  readonly damaged: ReadonlySet<string>;
  /** Null where nothing was marked before. */
  readonly marked: Marked | null;
  readonly signal: AbortSignal;
}

/** What an earlier repair found lost stays lost until all that it lies in is proven. */
export interface Marked {
  /** As they are shown. */
  readonly paths: ReadonlySet<string>;
  readonly isProven: (key: string) => boolean;
}

export interface Lost {
  /** Names of trees. */
  readonly trees: ReadonlySet<string>;
  readonly paths: readonly string[];
  readonly count: number;
  readonly lostPages: readonly LostPage[];
  /** The paths marked before that stand on pages that can be read, shown, whether they are lost or not. */
  readonly metMarked: ReadonlySet<string>;
  /** Pages that can be read, each with the numbers of the objects its contents lie in. */
  readonly pages: readonly { readonly row: PageRow; readonly objects: readonly number[] }[];
  readonly linkPages: readonly { readonly row: LinkPageRow; readonly objects: readonly number[] }[];
}

/** Unproven: nothing was found wrong with what it lies in, but it was not read either. */
type Verdict = 'lost' | 'unproven';

const treeOf = (path: Buffer): string => path.toString('latin1').split('/', 1)[0]!;

export async function lostPaths(request: LostRequest): Promise<Lost> {
  const { reader, provider, missing, damaged, marked, signal } = request;
  const { root } = reader;
  const keys = new Map(root.objects.map(({ number, key }) => [number, key]));
  const frames = new Frames(root.objects, fetchFrom(provider, root.objects, signal));
  const trees = new Set<string>();
  const paths: string[] = [];
  let count = 0;
  const add = (path: Buffer, entries = 1): void => {
    trees.add(treeOf(path));
    if (paths.length < namedPaths) paths.push(displayName(path));
    count += entries;
  };
  const judge = async (content: Content): Promise<Verdict | null> => {
    const places = content.extents.map(({ object }) => keys.get(object) ?? '');
    if (places.some((key) => key === '' || missing.has(key))) return 'lost';
    if (!places.some((key) => damaged.has(key)))
      return marked === null || places.every(marked.isProven) ? null : 'unproven';
    signal.throwIfAborted();
    try {
      return content.sha256?.equals(await eachRange(content, frames, () => {})) === false ? 'lost' : null;
    } catch (error) {
      if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
      return 'lost';
    }
  };
  const usedBy = (contents: readonly (Content | null)[]): number[] => [
    ...new Set(contents.flatMap((content) => content?.extents.map(({ object }) => object) ?? [])),
  ];
  const links = await checkLinkPages(reader, judge);
  const pages: { row: PageRow; objects: number[] }[] = [];
  const lostPages: LostPage[] = [];
  const metMarked = new Set<string>();
  const lostPage = (row: PageRow): void => {
    add(row.first, row.count);
    for (const tree of treesFrom(root, row)) trees.add(tree);
    const next = root.pages[root.pages.indexOf(row) + 1];
    const before = next === undefined ? null : displayName(next.first);
    if (lostPages.length < namedPaths)
      lostPages.push({ from: displayName(row.first), before, count: row.count });
  };
  for await (const { row, plain } of reader.pages(root.pages, lostPage)) {
    const entries = whole(() => [...readPage(plain, row.digest)]);
    if (entries === null) {
      lostPage(row);
      continue;
    }
    for (const entry of entries) {
      const { path, content } = entry;
      const wrong = content === null ? links.wrongWith(entry) : await judge(content);
      const wasMarked = marked?.paths.has(displayName(path)) === true;
      if (wasMarked) metMarked.add(displayName(path));
      if (wrong !== null && (wasMarked || wrong !== 'unproven')) add(path);
    }
    pages.push({ row, objects: usedBy(entries.map(({ content }) => content)) });
  }
  const linkPages: { row: LinkPageRow; objects: number[] }[] = [];
  for await (const { row, plain } of reader.pages(root.linkPages, () => {})) {
    const records = whole(() => [...readLinkPage(plain, row.digest)]);
    if (records !== null) linkPages.push({ row, objects: usedBy(records.map(({ content }) => content)) });
  }
  return { trees, paths, count, lostPages, metMarked, pages, linkPages };
}

function whole<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
    return null;
  }
}
