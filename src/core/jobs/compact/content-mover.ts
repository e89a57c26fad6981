/**
 * Copies living contents out of sparse segments into new ones, each once, and knows afterwards where they lie.
 *
 * The accounts' files are not read. Every content is checked against its hash on the way; one that does not
 * fit is not moved, so that what refers to it goes on naming the damaged object.
 */

import { type Content, dataBytes, hasHoles } from '../../archive/entry.ts';
import { FrameSealer, type SealedSink } from '../../archive/frame-sealer.ts';
import { frameBytes } from '../../archive/frames.ts';
import { padding, type TarMember } from '../../archive/tar.ts';
import { ByteQueue } from '../../byte-queue.ts';
import { HoldfastError } from '../../errors.ts';
import type { SnapshotWriter } from '../backup/snapshot-writer.ts';
import { extentsOf, SegmentWriter } from '../capture/segment-writer.ts';
import { eachRange } from '../restore/contents.ts';
import type { Frames } from '../restore/frames.ts';

/** Compressed bytes that may wait for the store. */
const waitingBytes = 32 * 1024 * 1024;

interface Place {
  readonly object: number;
  readonly tarOffset: number;
}

export class ContentMover {
  readonly #writer: SnapshotWriter;
  readonly #segments: SegmentWriter;
  readonly #queues = new Map<number, ByteQueue>();
  readonly #places = new Map<string, Place>();
  #waiting = 0;
  #wake: (() => void) | null = null;
  /** Bytes of contents that were copied. */
  movedBytes = 0;

  /** @param writer numbers the segments, puts them, and gets their rows */
  constructor(writer: SnapshotWriter) {
    this.#writer = writer;
    this.#segments = new SegmentWriter({
      nextNumber: () => this.#begin(),
      begin: (number) => new FrameSealer(this.#sinkOf(number), writer.publicKey),
    });
  }

  #sinkOf(number: number): SealedSink {
    return {
      bytes: (bytes) => {
        this.#waiting += bytes.length;
        this.#queues.get(number)!.push(bytes);
      },
      done: (object) => {
        this.#queues.get(number)!.end();
        this.#writer.addSegment({ number, ...object });
      },
    };
  }

  #begin(): number {
    const number = this.#writer.nextNumber++;
    const queue = new ByteQueue((piece) => {
      this.#waiting -= piece.length;
      this.#wake?.();
    });
    this.#queues.set(number, queue);
    this.#writer.start('segment', this.#writer.segmentKey(number), queue);
    return number;
  }

  /** The content where it lies now, or null where it was not moved. */
  placed(content: Content): Content | null {
    const place = this.#places.get(slotOf(content));
    if (place === undefined) return null;
    return { ...content, extents: extentsOf(content.extents, place.object, place.tarOffset) };
  }

  /** Safe to repeat. @throws OBJECT_DAMAGED, OBJECT_MISSING it stays where it is */
  async move(content: Content, frames: Frames): Promise<void> {
    const slot = slotOf(content);
    if (this.#places.has(slot)) return;
    const size = dataBytes(content);
    const header = Buffer.from(this.#segments.tar.header(memberOf(content, size), null));
    const total = header.length + size + padding(size);
    const place = total <= frameBytes ? this.#small : this.#large;
    this.#places.set(slot, await place.call(this, content, frames, header, total));
    this.movedBytes += size;
    while (this.#waiting > waitingBytes) {
      if (this.#writer.failed !== null) throw this.#writer.failed;
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  /** Checked before a byte of it is written. */
  async #small(content: Content, frames: Frames, header: Buffer, total: number): Promise<Place> {
    const pieces: Buffer[] = [];
    const digest = await eachRange(content, frames, (data) => pieces.push(data));
    requireSame(content, digest);
    const target = this.#segments.reserve(total);
    const tarOffset = target.position + header.length;
    target.write(header);
    for (const piece of pieces) target.write(piece);
    target.write(Buffer.alloc(total - header.length - dataBytes(content)));
    return { object: this.#segments.number, tarOffset };
  }

  async #large(content: Content, frames: Frames, header: Buffer, total: number): Promise<Place> {
    const target = this.#segments.open(total);
    const begin = target.position;
    target.write(header);
    const place = { object: this.#segments.number, tarOffset: target.position };
    try {
      const digest = await eachRange(content, frames, async (data) => {
        target.write(data);
        if (this.#waiting > waitingBytes && this.#writer.failed === null)
          await new Promise<void>((wake) => (this.#wake = wake));
      });
      requireSame(content, digest);
    } finally {
      // Also where it broke off: the members after it must be where a reader of tar looks for them.
      fill(target, begin + total);
    }
    return place;
  }

  /** Resolves when all segments are durable. */
  async finish(): Promise<void> {
    if (this.#segments.number >= 0) this.#segments.writeEnd();
    this.#segments.close();
    await this.#writer.settled();
  }
}

const slotOf = (content: Content): string =>
  `${content.sha256!.toString('latin1')}${hasHoles(content) ? `~${content.size}` : ''}`;

/** Named by its hash: it may belong to many files of many snapshots. */
const memberOf = (content: Content, size: number): TarMember => ({
  type: '0',
  path: Buffer.from(`content/${content.sha256!.toString('hex')}`),
  linkPath: null,
  mode: 0o600,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
  size,
  ranges: null,
  rdevMajor: 0,
  rdevMinor: 0,
  xattrs: [],
  flags: 0,
});

function fill(target: { readonly position: number; write(bytes: Uint8Array): void }, end: number): void {
  const zeros = Buffer.alloc(65536);
  while (target.position < end)
    target.write(zeros.subarray(0, Math.min(zeros.length, end - target.position)));
}

function requireSame(content: Content, digest: Buffer): void {
  if (content.sha256?.equals(digest) === true) return;
  throw new HoldfastError(
    'OBJECT_DAMAGED',
    'the content of a file has another hash than when it was stored',
    {
      hint: 'Run `holdfast verify --read-data` to see which paths are affected.',
    },
  );
}
