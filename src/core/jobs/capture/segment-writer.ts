/**
 * Writes tar members into segments of one snapshot: opens, fills, closes, numbers.
 *
 * Knows tar and frames, not where contents come from. `reserve` makes room so that a small member lies in
 * one frame; the caller fills the frame's buffer in place and may take it back until it advances.
 */

import type { Entry, Extent } from '../../archive/entry.ts';
import { fileType, typeOf } from '../../archive/entry.ts';
import { type FrameTarget, FrameWriter, frameBytes } from '../../archive/frames.ts';
import { type DataRange, endOfArchive, TarEncoder, type TarMember } from '../../archive/tar.ts';
import { segmentLimitBytes } from './messages.ts';

export interface SegmentSink {
  /** Takes the next object number of the snapshot. */
  nextNumber(): number;
  /** A segment begins. Nothing more is heard of one to which nothing was written. */
  begin(number: number): FrameTarget;
  /** A segment is full. All that lies in it has been described. */
  full?(): void;
}

const emptyPath = Buffer.alloc(0);

export class SegmentWriter {
  readonly tar = new TarEncoder();
  readonly #sink: SegmentSink;
  #frames: FrameWriter | null = null;
  #number = -1;

  constructor(sink: SegmentSink) {
    this.#sink = sink;
  }

  /** Number of the open segment, -1 where nothing has been written to one. */
  get number(): number {
    return this.#frames === null || this.#frames.position === 0 ? -1 : this.#number;
  }

  /** The open segment's frames; begins a segment where `bytes` more would exceed the limit. */
  open(bytes: number): FrameWriter {
    if (
      this.#frames !== null &&
      this.#frames.position > 0 &&
      this.#frames.position + bytes > segmentLimitBytes
    ) {
      this.close();
      this.#sink.full?.();
    }
    if (this.#frames === null) {
      this.#number = this.#sink.nextNumber();
      this.#frames = new FrameWriter(this.#sink.begin(this.#number));
    }
    return this.#frames;
  }

  /** As `open`, and the next `bytes` lie in one frame. Only for members smaller than a frame. */
  reserve(bytes: number): FrameWriter {
    const frames = this.open(bytes);
    if (frames.room < bytes && bytes <= frameBytes) frames.flush();
    return frames;
  }

  close(): void {
    const frames = this.#frames;
    this.#frames = null;
    // What was read and found known is taken back: then there may be nothing to keep.
    if (frames === null || frames.position === 0) frames?.discard();
    else frames.finish();
  }

  /** A member without data: link, directory, device, FIFO, empty file. */
  writePlain(entry: Entry, type: TarMember['type'], linkPath: Buffer | null): string[] {
    const header = this.tar.header(memberOf(entry, type, linkPath, 0, null), null);
    this.open(header.length).write(header);
    return this.tar.omitted;
  }

  writeEnd(): void {
    this.open(0).write(endOfArchive);
  }
}

export function memberOf(
  entry: Entry,
  type: TarMember['type'],
  linkPath: Buffer | null,
  size: number,
  ranges: readonly DataRange[] | null,
): TarMember {
  const directory = type === '5';
  return {
    type,
    path: directory ? Buffer.concat([entry.path, Buffer.from('/')]) : entry.path,
    linkPath,
    mode: entry.mode & 0o7777,
    uid: entry.uid,
    gid: entry.gid,
    mtimeSeconds: entry.mtimeSeconds,
    mtimeNanoseconds: entry.mtimeNanoseconds,
    size,
    ranges,
    rdevMajor: entry.rdevMajor,
    rdevMinor: entry.rdevMinor,
    xattrs: type === '1' ? [] : entry.xattrs,
    flags: type === '1' ? 0 : entry.flags,
  };
}

/** Tar type of an entry that holds no data; null for sockets, which tar cannot hold. */
export function plainTarType(entry: Entry): TarMember['type'] | null {
  switch (typeOf(entry)) {
    case fileType.link:
      return '2';
    case fileType.character:
      return '3';
    case fileType.block:
      return '4';
    case fileType.directory:
      return '5';
    case fileType.fifo:
      return '6';
    default:
      return null;
  }
}

export const linkTarget = (entry: Entry): Buffer | null =>
  typeOf(entry) === fileType.link ? (entry.target ?? emptyPath) : null;

/** Extents of a file stored as consecutive ranges from `tarOffset` on. */
export function extentsOf(ranges: readonly DataRange[], object: number, tarOffset: number): Extent[] {
  let at = tarOffset;
  return ranges.map(({ offset, length }) => {
    const extent = { offset, length, object, tarOffset: at };
    at += length;
    return extent;
  });
}
