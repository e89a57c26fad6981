/**
 * The records of linked files in the new index: what was captured, merged with what the parent has.
 *
 * As with pages of entries, one of the parent's in which every record still holds is referred to as it is.
 */

import type { LinkRecord } from '../../archive/entry.ts';
import { LinkPageWriter } from '../../archive/link-page-writer.ts';
import type { ExtentSummary } from '../../archive/page-cursor.ts';
import { readLinkPage } from '../../archive/page-reader.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import type { Stat } from '../../filesystem/native.ts';
import type { ParentPages } from './parent-pages.ts';

/**
 * Linked files that the walk found as the parent recorded them, by `<device>:<inode>`: their ctime, as `ctimeText`, where
 * they are to be read again, and nothing where they are not.
 */
export type KeptLinks = ReadonlyMap<string, string>;

export interface ParentLinks {
  readonly pages: ParentPages;
  readonly kept: KeptLinks;
  /** Reads files again whose turn has come: for each the same record, or the one that takes its place. */
  recheck(records: readonly LinkRecord[]): readonly LinkRecord[];
}

export interface LinkRecordSink {
  readonly pageBytes: number;
  page(page: FinishedPage): void;
  /** The parent's page of links with this row, as it is. */
  reuse(row: number, summary: ExtentSummary): void;
}

export const linkKey = (record: { readonly device: number; readonly inode: bigint }): string =>
  `${record.device}:${record.inode}`;

export const ctimeText = (of: Pick<Stat, 'ctimeSeconds' | 'ctimeNanoseconds'>): string =>
  `${of.ctimeSeconds}.${of.ctimeNanoseconds}`;

export function writeLinkRecords(
  captured: readonly LinkRecord[],
  parent: ParentLinks | null,
  sink: LinkRecordSink,
): void {
  const waiting = [...captured].sort(compareRecords);
  const isCaptured = new Set(captured.map(linkKey));
  const writer = new LinkPageWriter(sink.pageBytes);
  let next = 0;
  const upTo = (isBefore: (record: LinkRecord) => boolean): LinkRecord[] => {
    const from = next;
    while (next < waiting.length && isBefore(waiting[next]!)) next++;
    return waiting.slice(from, next);
  };
  const flush = (): void => {
    const page = writer.finish();
    if (page !== null) sink.page(page);
  };
  const write = (records: readonly LinkRecord[]): void => {
    for (const record of records) {
      writer.add(record);
      if (writer.full) flush();
    }
  };
  if (parent !== null && parent.kept.size > 0) {
    for (const [number, row] of parent.pages.linkRows.entries()) {
      const old = [...readLinkPage(parent.pages.load(row), null)];
      const [first, last] = [old[0], old.at(-1)];
      if (first === undefined || last === undefined) continue;
      write(upTo((record) => compareRecords(record, first) < 0));
      const inside = upTo((record) => compareRecords(record, last) <= 0);
      const still = parent.recheck(
        old.filter((record) => parent.kept.has(linkKey(record)) && !isCaptured.has(linkKey(record))),
      );
      if (inside.length === 0 && still.length === old.length && still.every((one, i) => one === old[i])) {
        flush();
        sink.reuse(number, summaryOf(old));
      } else write([...still, ...inside].sort(compareRecords));
    }
  }
  write(upTo(() => true));
  flush();
}

function compareRecords(a: LinkRecord, b: LinkRecord): number {
  return a.device - b.device || (a.inode < b.inode ? -1 : a.inode > b.inode ? 1 : 0);
}

function summaryOf(records: readonly LinkRecord[]): ExtentSummary {
  const extents = records.flatMap(({ content }) => content.extents);
  return {
    objects: [...new Set(extents.map(({ object }) => object))],
    dataBytes: extents.reduce((sum, { length }) => sum + length, 0),
  };
}
