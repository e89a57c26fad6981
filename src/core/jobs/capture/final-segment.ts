/** The end of an account, once all has been walked: the records of its linked files, and the final segment. */

import type { LinkRecord } from '../../archive/entry.ts';
import type { LatePageLists } from './late-pages.ts';
import {
  captureLinked,
  type LinkContext,
  recheckLinked,
  writeDirectories,
  writeHardLinks,
} from './link-capture.ts';
import type { LinkedFiles } from './link-groups.ts';
import { type LinkRecordSink, writeLinkRecords } from './link-records.ts';
import type { ParentPages } from './parent-pages.ts';

/**
 * In the segment of a full come linked files, hard links, directories, end of archive, in this order; else linked files alone.
 *
 * @param parent null for a full
 * @returns trees whose linked files could not be read any more
 */
export function writeFinalSegment(
  { linked, directories }: LatePageLists,
  parent: ParentPages | null,
  context: LinkContext,
  sink: LinkRecordSink,
): LinkedFiles['lost'] {
  const { segments, kept } = context;
  const { groups, records, lost } = captureLinked(linked, context);
  const recheck = (old: readonly LinkRecord[]): LinkRecord[] => recheckLinked(old, context);
  writeLinkRecords(records, parent === null ? null : { pages: parent, kept, recheck }, sink);
  if (parent === null) {
    writeHardLinks(linked, groups, context);
    writeDirectories(directories, context);
  }
  if (parent === null || segments.number >= 0) segments.writeEnd();
  segments.close();
  return lost;
}
