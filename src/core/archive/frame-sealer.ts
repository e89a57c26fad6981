/**
 * Makes one data object of plain frames: compresses each in one call, encrypts where a key is given, hashes what is stored.
 *
 * Synchronous, for threads and for whoever takes frames from them.
 */

import { createHash, type Hash } from 'node:crypto';
import { AgeEncrypter } from '../encryption/age-encrypter.ts';
import { compressFrame, releaseBuffer, seekTable } from './frames.ts';
import type { FrameSizes } from './root.ts';

/** What a manifest and an index say of an object. */
export interface SealedObject {
  readonly storedBytes: number;
  readonly plainBytes: number;
  /** Of all that was emitted. */
  readonly sha256: Buffer;
  /** What the index remembers of an encrypted object's header; null where it is plain. */
  readonly sealed: Buffer | null;
  readonly frames: readonly FrameSizes[];
}

export class FrameSealer {
  readonly #frames: FrameSizes[] = [];
  readonly #hash: Hash = createHash('sha256');
  readonly #emit: (bytes: Buffer, plainBytes: number) => void;
  readonly #encrypter: AgeEncrypter | null;
  #storedBytes = 0;
  #plainBytes = 0;
  #toldBytes = 0;

  /**
   * @param emit takes bytes of the object, whose memory it owns, and so many of the plain ones as are done with them
   * @param publicKey 32 bytes of the owner's epoch; null stores plain frames
   */
  constructor(emit: (bytes: Buffer, plainBytes: number) => void, publicKey: Uint8Array | null) {
    this.#emit = emit;
    this.#encrypter = publicKey === null ? null : new AgeEncrypter(publicKey);
  }

  /** Nothing of `plain` is kept. */
  add(plain: Uint8Array): void {
    this.addCompressed(compressFrame(plain), plain.length);
  }

  /** A frame that `compressFrame` made of so many plain bytes; its memory goes with it. */
  addCompressed(frame: Buffer, plainBytes: number): void {
    this.#frames.push({ compressed: frame.length, plain: plainBytes });
    this.#plainBytes += plainBytes;
    this.#out(frame);
  }

  /** Emits the rest and the seek table; nothing can be added afterwards. */
  end(): SealedObject {
    this.#out(seekTable(this.#frames));
    if (this.#encrypter !== null) this.#store(this.#encrypter.end());
    return {
      storedBytes: this.#storedBytes,
      plainBytes: this.#plainBytes,
      sha256: this.#hash.digest(),
      sealed: this.#encrypter?.sealed ?? null,
      frames: this.#frames,
    };
  }

  #out(payload: Buffer): void {
    const bytes = this.#encrypter === null ? payload : this.#encrypter.push(payload);
    if (bytes.length > 0) this.#store(bytes);
    if (bytes !== payload) releaseBuffer(payload);
  }

  #store(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#storedBytes += bytes.length;
    const done = this.#plainBytes - this.#toldBytes;
    this.#toldBytes = this.#plainBytes;
    this.#emit(bytes, done);
  }
}
