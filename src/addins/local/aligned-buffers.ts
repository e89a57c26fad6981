/**
 * Buffers of a megabyte that begin on a page, as writes past the page cache ask for, to be used again and again.
 *
 * Node allocates anywhere; the memory of a WebAssembly module begins on a page. Should it ever not, such a
 * write fails with EINVAL and the writer goes the ordinary way.
 */

/** Not among the types of Node. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

export const pieceBytes = 1024 * 1024;

const wasmPageBytes = 65_536;
const piecesPerSlab = 4;
/** As many as are ever used at once: two for each file that is being written. */
const spare: Buffer[] = [];

export function takeBuffer(): Buffer {
  if (spare.length === 0) spare.push(...newSlab());
  return spare.pop()!;
}

/** The caller has nothing under way with it any more. */
export function giveBack(buffer: Buffer): void {
  spare.push(buffer);
}

function newSlab(): Buffer[] {
  const pages = (piecesPerSlab * pieceBytes) / wasmPageBytes;
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return Array.from({ length: piecesPerSlab }, (_, index) =>
    Buffer.from(buffer, index * pieceBytes, pieceBytes),
  );
}
