/**
 * Checks the content of every file of a snapshot against its hash, in the threads that restores use. What was
 * checked with an earlier snapshot is left out.
 */

import type { Content } from '../archive/entry.ts';
import { readPage } from '../archive/page-reader.ts';
import type { PageRow } from '../archive/root.ts';
import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import { isHoldfastError } from '../errors.ts';
import type { IndexReader } from './index-reader.ts';
import { eachRange } from './restore/contents.ts';
import type { RestoreOutlet } from './restore/entry-restorer.ts';
import { Frames, fetchFrom } from './restore/frames.ts';
import type { PageWork } from './restore/messages.ts';
import { batches } from './restore/page-works.ts';
import { restoreInThreads } from './restore/restore-pool.ts';
import type { RestoreThreads } from './restore/restore-threads.ts';
import { type CheckedPages, knownContents } from './verify-once.ts';
import { checkLinked } from './verify-pages.ts';

export interface ContentsRequest {
  readonly provider: KeyedProvider;
  /** Shared by all snapshots that are verified. */
  readonly pool: RestoreThreads;
  readonly signal: AbortSignal;
}

/** `failed` hears of each path whose content is damaged or missing. */
export async function verifyContents(
  request: ContentsRequest,
  reader: IndexReader,
  checked: CheckedPages,
  failed: (path: Buffer, message: string) => void,
): Promise<void> {
  const { objects } = reader.root;
  const fetch = fetchFrom(request.provider, objects, request.signal);
  const pages = reader.root.pages.filter((page) => !checked.isWhole(page));
  const contents = new Map<PageRow, readonly number[]>();
  const outlet: RestoreOutlet = {
    warn: () => {},
    failed: (path, message) => {
      contents.delete(reader.pagesWithin(path)[0]!);
      failed(path, message);
    },
    progress: () => {},
    kept: () => {},
  };
  const setup = { target: -1, objects, resume: false, alike: false, verifyOnly: true, restriction: null };
  const { pool, signal } = request;
  const work = batches(worksOf(reader, pages, checked, contents), pages.length, pool.size);
  if (pages.length > 0)
    await restoreInThreads(work, { setup, threads: pool, share: pool.size, fetch, outlet, signal });
  for (const [page, ids] of contents) checked.setWhole(page, ids);
  const frames = new Frames(objects, fetch);
  const wrongWith = async (content: Content): Promise<string | null> => {
    if (content.sha256 === null) return null;
    try {
      const digest = await eachRange(content, frames, () => {});
      return digest.equals(content.sha256) ? null : 'its content has another hash';
    } catch (error) {
      if (!isHoldfastError(error) || !error.code.startsWith('OBJECT_')) throw error;
      return error.message;
    }
  };
  const linkPages = reader.root.linkPages.filter((page) => !checked.isWhole(page));
  const areWhole = await checkLinked(reader, linkPages, wrongWith, failed);
  if (areWhole) for (const page of linkPages) checked.setWhole(page, []);
}

/**
 * Of every page what was not checked with another one.
 *
 * @param contents gets the pages that can be read, with the ids of all that each has where these can be remembered
 */
async function* worksOf(
  reader: IndexReader,
  pages: readonly PageRow[],
  checked: CheckedPages,
  contents: Map<PageRow, readonly number[]>,
): AsyncGenerator<PageWork> {
  let room = knownContents;
  for await (const { row, plain } of reader.pages(pages, () => {})) {
    const { digest, first, count } = row;
    const files = filesOf(plain, digest);
    if (files === null) {
      yield { plain, digest, first, count, within: null };
      continue;
    }
    const ids = files.map(({ content }) => checked.idOf(content));
    room -= ids.length;
    contents.set(row, room > 0 ? ids : []);
    const fresh = files.filter((_, i) => !checked.isKnown(ids[i]!));
    if (fresh.length === 0) continue;
    const within = fresh.length === files.length ? null : fresh.map(({ path }) => path);
    yield { plain, digest, first, count, within };
  }
}

/** Null where the page is damaged, which whoever gets it tells. */
function filesOf(
  plain: Buffer,
  digest: Buffer,
): { readonly path: Buffer; readonly content: Content }[] | null {
  try {
    return [...readPage(plain, digest)].flatMap(({ path, content }) =>
      content === null || content.size === 0 ? [] : [{ path, content }],
    );
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'OBJECT_DAMAGED') throw error;
    return null;
  }
}
