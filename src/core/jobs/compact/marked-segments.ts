/**
 * Which segments hold contents that `repair` has marked as lost. They stay as they are: the contents cannot be moved, so
 * nothing would come back, and damage that is dealt with would be found again in every run.
 */

import { readPage } from '../../archive/page-reader.ts';
import type { PageRow } from '../../archive/root.ts';
import { displayName } from '../../filesystem/xattrs.ts';
import type { Snapshot } from '../catalog.ts';
import { Contents } from '../diff/compare-entries.ts';
import type { IndexReader } from '../index-reader.ts';
import { namedPaths } from '../repair/lost-paths.ts';

export interface MarkedRequest {
  readonly snapshot: Snapshot;
  readonly reader: IndexReader;
  /** Keys of objects by their numbers. */
  readonly keys: ReadonlyMap<number, string>;
  /** Pages that were looked at for other snapshots, where the same was marked in them; it grows. */
  readonly done: Set<string>;
  readonly pageKeyOf: (row: PageRow) => string;
}

/** Keys. @throws OBJECT_DAMAGED, OBJECT_MISSING a page cannot be read */
export async function markedSegments(request: MarkedRequest): Promise<ReadonlySet<string>> {
  const { snapshot, reader, keys, done, pageKeyOf } = request;
  const { header, body } = snapshot;
  const paths = body.lost?.paths ?? [];
  if (paths.length >= namedPaths) {
    // More are lost than are named, and may lie anywhere.
    return new Set([...header.objects, ...header.references].map(({ key }) => key));
  }
  const rows = new Map<PageRow, Set<string>>();
  for (const path of paths) {
    const [row] = reader.pagesWithin(bytesOf(path));
    if (row === undefined || done.has(pageKeyOf(row))) continue;
    const known = rows.get(row);
    if (known === undefined) rows.set(row, new Set([path]));
    else known.add(path);
  }
  const contents = new Contents(reader);
  const found = new Set<string>();
  for await (const { row, plain } of reader.pages([...rows.keys()])) {
    done.add(pageKeyOf(row));
    for (const entry of readPage(plain, row.digest)) {
      if (!rows.get(row)!.has(displayName(entry.path))) continue;
      for (const { object } of (await contents.of(entry))?.extents ?? []) found.add(keys.get(object) ?? '');
    }
  }
  return found;
}

/** Of what `displayName` made. */
const bytesOf = (shown: string): Buffer =>
  Buffer.from(
    shown.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
