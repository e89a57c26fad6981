/**
 * The first pass over the pages that refer to sparse segments: their contents go into new ones.
 */

import type { Content } from '../../archive/entry.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import { isHoldfastError } from '../../errors.ts';
import { openIndex } from '../index-reader.ts';
import { Frames, fetchFrom } from '../restore/frames.ts';
import type { ContentMover } from './content-mover.ts';
import { type AccountScan, type AnyRow, contentsOf, keyOf, keysOfRoot, pageKey } from './scan.ts';

export interface MoveRequest {
  readonly provider: KeyedProvider;
  readonly scan: AccountScan;
  /** Keys of the objects to be emptied. */
  readonly sparse: ReadonlySet<string>;
  readonly mover: ContentMover;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** @returns how many contents are damaged and stay where they are, and the first one's error */
export async function moveContents(
  request: MoveRequest,
): Promise<{ readonly damaged: number; readonly first: string | null }> {
  const { provider, scan, sparse, mover, signal } = request;
  const done = new Set<string>();
  let [damaged, first]: [number, string | null] = [0, null];
  for (const snapshot of scan.snapshots) {
    signal.throwIfAborted();
    const reader = await openIndex(provider, snapshot, signal);
    const { root } = reader;
    const keys = keysOfRoot(reader);
    const frames = new Frames(root.objects, fetchFrom(provider, root.objects, signal));
    const isSparse = ({ extents }: Content): boolean =>
      extents.some(({ object }) => sparse.has(keyOf(keys, object)));
    const wanted = (row: AnyRow): boolean => {
      const page = pageKey(keys, row);
      if (done.has(page) || !scan.pages.get(page)!.uses.some((key) => sparse.has(key))) return false;
      done.add(page);
      return true;
    };
    for (const rows of [root.pages.filter(wanted), root.linkPages.filter(wanted)]) {
      for await (const { row, plain } of reader.pages<AnyRow>(rows)) {
        for (const content of contentsOf(row, plain)) {
          if (!isSparse(content)) continue;
          signal.throwIfAborted();
          const before = mover.movedBytes;
          try {
            await mover.move(content, frames);
          } catch (error) {
            if (!isHoldfastError(error) || !/^OBJECT_(?:DAMAGED|MISSING)$/.test(error.code)) throw error;
            damaged += 1;
            first ??= error.message;
          }
          request.onBytes(mover.movedBytes - before);
        }
      }
    }
  }
  await mover.finish();
  return { damaged, first };
}
