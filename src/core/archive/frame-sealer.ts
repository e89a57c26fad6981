/**
 * Makes one data object of plain frames: compresses each in one call, encrypts where a key is given, hashes what is stored.
 *
 * Synchronous. A key of the object's own is made with its first frame: not every segment that is opened gets one.
 */

import { createHash, type Hash } from 'node:crypto';
import { AgeEncrypter } from '../age/encrypter.ts';
import { compressFrame, type FrameTarget, releaseBuffer, seekTable } from './frames.ts';
import type { FrameSizes } from './root.ts';

/** What a manifest and an index say of an object. */
export interface SealedObject {
  readonly storedBytes: number;
  readonly plainBytes: number;
  /** Of all that was stored. */
  readonly sha256: Uint8Array;
  /** What the index remembers of an encrypted object's header; null where it is plain. */
  readonly sealed: Uint8Array | null;
  readonly frames: readonly FrameSizes[];
}

export interface SealedSink {
  /** Bytes of the object, whose memory goes with them; so many of the plain ones are done with these. */
  bytes(bytes: Buffer, plainBytes: number): void;
  /** There are no more. */
  done(object: SealedObject): void;
}

export class FrameSealer implements FrameTarget {
  readonly #frames: FrameSizes[] = [];
  readonly #hash: Hash = createHash('sha256');
  readonly #sink: SealedSink;
  readonly #publicKey: Uint8Array | null;
  #encrypter: AgeEncrypter | null = null;
  #storedBytes = 0;
  #plainBytes = 0;
  #toldBytes = 0;

  /** @param publicKey 32 bytes of the owner's epoch; null stores plain frames */
  constructor(sink: SealedSink, publicKey: Uint8Array | null) {
    this.#sink = sink;
    this.#publicKey = publicKey;
  }

  /** Nothing of `plain` is kept. */
  frame(plain: Uint8Array): void {
    const frame = compressFrame(plain);
    this.#frames.push({ compressed: frame.length, plain: plain.length });
    this.#plainBytes += plain.length;
    this.#out(frame);
  }

  end(): void {
    this.#out(seekTable(this.#frames));
    if (this.#encrypter !== null) this.#store(this.#encrypter.end());
    this.#sink.done({
      storedBytes: this.#storedBytes,
      plainBytes: this.#plainBytes,
      sha256: this.#hash.digest(),
      sealed: this.#encrypter?.sealed ?? null,
      frames: this.#frames,
    });
  }

  #out(payload: Buffer): void {
    if (this.#publicKey !== null) this.#encrypter ??= new AgeEncrypter(this.#publicKey);
    const bytes = this.#encrypter === null ? payload : this.#encrypter.push(payload);
    if (bytes.length > 0) this.#store(bytes);
    if (bytes !== payload) releaseBuffer(payload);
  }

  #store(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#storedBytes += bytes.length;
    const done = this.#plainBytes - this.#toldBytes;
    this.#toldBytes = this.#plainBytes;
    this.#sink.bytes(bytes, done);
  }
}
