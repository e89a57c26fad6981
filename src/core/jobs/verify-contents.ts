/**
 * Checks the content of every file of a snapshot against its hash, in the threads that restores use.
 */

import type { Content } from '../archive/entry.ts';
import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import { isHoldfastError } from '../errors.ts';
import type { IndexReader } from './index-reader.ts';
import { eachRange } from './restore/contents.ts';
import type { RestoreOutlet } from './restore/entry-restorer.ts';
import { Frames, fetchFrom } from './restore/frames.ts';
import { batches, pageWorks } from './restore/page-works.ts';
import { restoreInThreads } from './restore/restore-pool.ts';
import type { RestoreThreads } from './restore/restore-threads.ts';
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
  failed: (path: Buffer, message: string) => void,
): Promise<void> {
  const { objects, pages } = reader.root;
  const fetch = fetchFrom(request.provider, objects, request.signal);
  const outlet: RestoreOutlet = { warn: () => {}, failed, progress: () => {}, kept: () => {} };
  const works = pageWorks(reader, pages, null, { failed: () => {} });
  const setup = { target: -1, objects, resume: false, verifyOnly: true, restriction: null };
  const { pool, signal } = request;
  const work = batches(works, pages.length, pool.size);
  await restoreInThreads(work, { setup, threads: pool, share: pool.size, fetch, outlet, signal });
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
  await checkLinked(reader, wrongWith, failed);
}
