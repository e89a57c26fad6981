/**
 * Bytes on their way from the main store to a copy, held against what the manifest says of them.
 */

import { createHash } from 'node:crypto';
import type { ObjectRef } from '../../archive/manifest.ts';
import { HoldfastError } from '../../errors.ts';

/** Fails at its end where the bytes were not those of the manifest, so that a put of it leaves nothing. */
export class CheckedBody implements AsyncIterable<Uint8Array> {
  /** What was wrong with the source, to tell it from a target that failed. */
  sourceError: unknown = null;
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #object: ObjectRef;

  constructor(source: AsyncIterable<Uint8Array>, object: ObjectRef) {
    this.#source = source;
    this.#object = object;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { key, size, sha256 } = this.#object;
    const digest = createHash('sha256');
    let length = 0;
    const pieces = this.#source[Symbol.asyncIterator]();
    try {
      for (let next = await this.#next(pieces); next !== null; next = await this.#next(pieces)) {
        digest.update(next);
        length += next.length;
        if (length > size) throw this.#damaged(`object ${key} has more than ${size} bytes`);
        yield next;
      }
    } finally {
      await pieces.return?.();
    }
    if (length !== size) throw this.#damaged(`object ${key} has ${length} bytes, not ${size}`);
    if (digest.digest('hex') !== sha256) {
      throw this.#damaged(`object ${key} has another hash than when it was written`);
    }
  }

  async #next(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array | null> {
    try {
      const { done, value } = await pieces.next();
      return done === true ? null : value;
    } catch (error) {
      this.sourceError = error;
      throw error;
    }
  }

  #damaged(message: string): HoldfastError {
    this.sourceError = damaged(message);
    return this.sourceError as HoldfastError;
  }
}

export function damaged(message: string): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', message, {
    hint: 'Run `holdfast verify` on the main store; copies of other snapshots are not affected.',
  });
}
