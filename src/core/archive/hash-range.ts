/** How the hash of a file with holes knows where its data lies; see docs/format.md, section 4. */

import type { Hash } from 'node:crypto';

const place = Buffer.alloc(16);

/** Goes into the hash before the data of a range. Adjacent ranges are one; a file without holes has none. */
export function hashRange(digest: Hash, offset: number, length: number): void {
  place.writeBigUInt64LE(BigInt(offset), 0);
  place.writeBigUInt64LE(BigInt(length), 8);
  digest.update(place);
}
