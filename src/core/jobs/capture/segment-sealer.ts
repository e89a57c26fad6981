/** Makes an object of a segment's frames, in the thread that has them. */

import { FrameSealer } from '../../archive/frame-sealer.ts';
import type { FrameTarget } from '../../archive/frames.ts';
import type { SegmentDone } from './messages.ts';

export interface SealedSink {
  /** Bytes of a segment, whose memory goes with them; `plainBytes` of the tar are done with these. */
  bytes(number: number, bytes: Buffer, plainBytes: number): void;
  done(segment: SegmentDone): void;
}

export class SegmentSealer implements FrameTarget {
  readonly #number: number;
  readonly #sink: SealedSink;
  readonly #sealer: FrameSealer;

  /** @param publicKey the segment is encrypted to it; null leaves it plain */
  constructor(number: number, sink: SealedSink, publicKey: Uint8Array | null) {
    this.#number = number;
    this.#sink = sink;
    this.#sealer = new FrameSealer((bytes, plainBytes) => sink.bytes(number, bytes, plainBytes), publicKey);
  }

  frame(plain: Uint8Array): void {
    this.#sealer.add(plain);
  }

  /** As `FrameSealer.addCompressed`. */
  compressed(frame: Buffer, plainBytes: number): void {
    this.#sealer.addCompressed(frame, plainBytes);
  }

  end(): void {
    this.#sink.done({ number: this.#number, ...this.#sealer.end() });
  }
}
