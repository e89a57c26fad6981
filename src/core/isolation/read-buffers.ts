/**
 * Buffers that a socket reads into, used again as soon as nobody has a piece of them any more.
 *
 * At hundreds of megabytes a second new ones would keep the collector busy.
 */

const bufferBytes = 256 * 1024;

interface Slab {
  readonly buffer: Buffer;
  lent: number;
}

export class ReadBuffers {
  readonly #slabs = new Map<ArrayBufferLike, Slab>();

  /** One that nobody has a piece of; it stays free until something of it is borrowed. */
  next(): Buffer {
    for (const slab of this.#slabs.values()) if (slab.lent === 0) return slab.buffer;
    const buffer = Buffer.allocUnsafeSlow(bufferBytes);
    this.#slabs.set(buffer.buffer, { buffer, lent: 0 });
    return buffer;
  }

  /** Until what it returns is called, the buffer of the piece is not read into. */
  borrow(piece: Buffer): () => void {
    const slab = this.#slabs.get(piece.buffer);
    if (slab === undefined) return () => {};
    slab.lent += 1;
    return () => {
      slab.lent -= 1;
    };
  }
}
