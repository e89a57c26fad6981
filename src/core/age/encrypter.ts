/**
 * Makes one age file from pieces of payload that come one by one. Synchronous, for threads and streams alike.
 *
 * Holds back less than one chunk and a byte: whether a chunk is the last one shows only when the payload ends.
 */

import type { KeyObject } from 'node:crypto';
import { chunkBytes, encryptChunk, tagBytes } from './chunks.ts';
import { newHeader } from './header.ts';

const empty = Buffer.alloc(0);

export class AgeEncrypter {
  /** What an index remembers, to open any part of the payload later. */
  readonly sealed: Buffer;
  readonly #key: KeyObject;
  #header: Buffer | null;
  #chunk = 0;
  readonly #rest: Buffer = Buffer.allocUnsafeSlow(chunkBytes);
  #held = 0;

  /**
   * @param publicKey 32 bytes of the epoch's public half
   * @param others further keys that open it
   */
  constructor(publicKey: Uint8Array, others: readonly Uint8Array[] = []) {
    const { header, sealed, payloadKey } = newHeader(publicKey, others);
    this.sealed = sealed;
    this.#header = header;
    this.#key = payloadKey;
  }

  /** Bytes of the file that follow those returned before; perhaps none yet. They own their memory. */
  push(piece: Uint8Array): Buffer {
    return this.#advance(piece, false);
  }

  /** The rest of the file. Nothing may be pushed after it. */
  end(): Buffer {
    return this.#advance(empty, true);
  }

  #advance(piece: Uint8Array, end: boolean): Buffer {
    const total = this.#held + piece.length;
    // A full chunk is held back until more comes: it may be the last one.
    const chunks = end ? 1 : Math.max(0, Math.ceil(total / chunkBytes) - 1);
    const header = this.#header ?? empty;
    const bytes = header.length + (end ? total + tagBytes : chunks * (chunkBytes + tagBytes));
    if (bytes === header.length && header.length === 0) return this.#hold(piece);
    const out = Buffer.allocUnsafeSlow(bytes);
    out.set(header);
    this.#header = null;
    let at = header.length;
    let from = 0;
    for (let n = 0; n < chunks; n++) {
      let plain: Uint8Array;
      if (this.#held > 0) {
        const part = Math.min(chunkBytes - this.#held, piece.length - from);
        this.#rest.set(piece.subarray(from, from + part), this.#held);
        plain = this.#rest.subarray(0, this.#held + part);
        from += part;
        this.#held = 0;
      } else {
        plain = piece.subarray(from, from + chunkBytes);
        from += plain.length;
      }
      at += encryptChunk(this.#key, this.#chunk++, end, plain, out, at);
    }
    this.#hold(piece.subarray(from));
    return out;
  }

  #hold(piece: Uint8Array): Buffer {
    this.#rest.set(piece, this.#held);
    this.#held += piece.length;
    return empty;
  }
}

/** A whole file in memory: for manifests' bodies and other small things. @param others further keys that open it */
export function encryptWhole(
  payload: Uint8Array,
  publicKey: Uint8Array,
  others: readonly Uint8Array[] = [],
): Buffer {
  const encrypter = new AgeEncrypter(publicKey, others);
  return Buffer.concat([encrypter.push(payload), encrypter.end()]);
}
