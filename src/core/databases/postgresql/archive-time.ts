/**
 * Makes archives of pg_dump's custom format reproducible: the time of creation in their header is set to the
 * beginning of 2000, so that an unchanged database gives the same bytes every night.
 *
 * The manifest has the true instant. Only layouts known here are touched; others pass as they are.
 */

const magic = 'PGDMP';
/** Magic, version (3 bytes), size of an integer, size of an offset, format. */
const fixedBytes = magic.length + 6;
const customFormat = 1;
/** Minor versions of archive 1.x whose header is known: PostgreSQL 9.0 to 18. */
const known = { first: 12, last: 16 };
/** Since this one the compression is a byte, before it an integer. */
const compressionIsByte = 15;
/** Seconds, minutes, hours, day, month from 0, year from 1900, daylight saving time. */
const time = [0, 0, 0, 1, 0, 100, 0];
/** No header is longer up to the end of the time. */
const headBytes = 128;

/** The chunks of a dump, the first ones joined until the header is there. */
export async function* withoutTime(chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let head: Buffer | null = Buffer.alloc(0);
  for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) {
    if (head === null) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < headBytes) continue;
    yield clearTime(head);
    head = null;
  }
  if (head !== null && head.length > 0) yield clearTime(head);
}

/** In place. */
function clearTime(head: Buffer): Buffer {
  const [major, minor] = [head[magic.length], head[magic.length + 1]];
  const [integerBytes, , format] = head.subarray(magic.length + 3);
  if (head.toString('latin1', 0, magic.length) !== magic || major !== 1 || format !== customFormat)
    return head;
  if (minor === undefined || minor < known.first || minor > known.last) return head;
  if (integerBytes === undefined || integerBytes < 1 || integerBytes > 8) return head;
  // An integer is a byte for the sign and its bytes, the lowest first.
  const width = 1 + integerBytes;
  const start = fixedBytes + (minor >= compressionIsByte ? 1 : width);
  if (head.length < start + time.length * width) return head;
  head.fill(0, start, start + time.length * width);
  for (const [i, value] of time.entries()) head[start + i * width + 1] = value;
  return head;
}
