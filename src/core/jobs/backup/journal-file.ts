/**
 * The file in which a run notes the segments it has stored, for the case that it is killed: what a record is.
 *
 * Records follow each other: a byte of kind, length, CRC-32 of the payload, payload. Whatever is cut short or
 * damaged ends the file for its reader. Pages are those of the index, in the frames they go to the store in.
 */

import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter } from '../../archive/bytes.ts';
import type { FinishedPage } from '../../archive/pages.ts';
import { decodeRoot, encodeRoot, type ObjectRow } from '../../archive/root.ts';
import type { ParentRow } from '../capture/parent-pages.ts';

const kinds = { segment: 1, page: 2, linkPage: 3 } as const;
const headBytes = 9;
/** A longer record is none of ours. */
const longestRecord = 64 * 1024 * 1024;

export interface Journal {
  /** Segments that the store has. */
  readonly segments: readonly ObjectRow[];
  /** Pages of entries and of links, by their place in the file; some name objects that never got stored. */
  readonly rows: readonly ParentRow[];
  readonly linkRows: readonly ParentRow[];
}

/** A record in pieces, to be written one after another. */
export const segmentRecord = (row: ObjectRow): Uint8Array[] =>
  record(kinds.segment, [encodeRoot({ trees: [], objects: [row], pages: [], linkPages: [] })]);

/** As `segmentRecord`; the page's frame is one of the pieces, as it is. */
export function pageRecord(page: FinishedPage, linked: boolean): Uint8Array[] {
  const about = new ByteWriter(64);
  about.varint(page.plainBytes);
  about.varint(page.count);
  about.raw(page.digest);
  return record(linked ? kinds.linkPage : kinds.page, [about.view(), page.frame]);
}

function record(kind: number, payload: readonly Uint8Array[]): Uint8Array[] {
  const head = Buffer.alloc(headBytes);
  head[0] = kind;
  head.writeUInt32LE(lengthOf(payload), 1);
  head.writeUInt32LE(
    payload.reduce((sum, piece) => crc32(piece, sum), 0),
    5,
  );
  return [head, ...payload];
}

export const lengthOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, { length }) => sum + length, 0);

/** Everything up to the first record that is not whole. */
export function readJournal(fd: number): Journal {
  const segments: ObjectRow[] = [];
  const rows: ParentRow[] = [];
  const linkRows: ParentRow[] = [];
  const head = Buffer.alloc(headBytes);
  for (let at = 0; readSync(fd, head, 0, headBytes, at) === headBytes; ) {
    const length = head.readUInt32LE(1);
    if (length === 0 || length > longestRecord) break;
    const payload = Buffer.allocUnsafeSlow(length);
    if (readSync(fd, payload, 0, length, at + headBytes) < length) break;
    if (crc32(payload) !== head.readUInt32LE(5)) break;
    const end = at + headBytes + length;
    if (head[0] === kinds.segment) segments.push(...decodeRoot(payload).objects);
    else if (head[0] === kinds.page) rows.push(rowOf(payload, end));
    else if (head[0] === kinds.linkPage) linkRows.push(rowOf(payload, end));
    else break;
    at = end;
  }
  return { segments, rows, linkRows };
}

/** `end`: of the payload, and so of the page's frame, in the file. */
function rowOf(payload: Buffer, end: number): ParentRow {
  const from = new ByteReader(payload);
  const [plainBytes, count] = [from.varint(), from.varint()];
  const digest = Buffer.from(from.raw(32));
  const length = payload.length - from.offset;
  return { file: 0, offset: end - length, length, plainBytes, count, digest, first: '' };
}
