/**
 * Reads an archive of pg_dump's custom format as it passes and proves it whole: its header, its table of
 * contents, and behind it a block of data for each entry that has some, up to a last byte that ends a block.
 *
 * A cut anywhere leaves a number, a text, a chunk or a block unfinished, or an entry without its data.
 * Nothing is kept but the numbers of those entries. Refuses what is no archive; layouts that are not known
 * here are left to the caller.
 */

import { ByteFeed } from './byte-feed.ts';

/** Minor versions of archive 1.x whose layout is known: PostgreSQL 9.0 to 18. */
const known = { first: 12, last: 16 };
const magic = Buffer.from('PGDMP');
/** Magic, version (3 bytes), size of an integer, size of an offset, format. */
const headBytes = magic.length + 6;
const customFormat = 1;
/** Since these minor versions: compression as a byte, access methods of tables, kinds of relations. */
const since = { tableAccess: 14, compressionByte: 15, relationKind: 16 };
const blockOf = { table: 1, largeObjects: 3 };
/** What an entry says of the place of its data. */
const position = { unset: 1, set: 2, none: 3 };

/** Whether a head of at least 11 bytes begins an archive that this check understands. */
export function isKnownArchive(head: Buffer): boolean {
  const [major, minor, , integerBytes, offsetBytes, format] = head.subarray(magic.length);
  const fits = (bytes: number | undefined): boolean => bytes !== undefined && bytes >= 4 && bytes <= 8;
  return (
    head.subarray(0, magic.length).equals(magic) &&
    major === 1 &&
    minor !== undefined &&
    minor >= known.first &&
    minor <= known.last &&
    fits(integerBytes) &&
    fits(offsetBytes) &&
    format === customFormat
  );
}

export { headBytes as archiveHeadBytes };

/** What is wrong, as the end of a sentence. */
class Malformed extends Error {}

export class ArchiveWalk {
  readonly #feed = new ByteFeed();
  readonly #walk = this.#archive();
  #minor = 0;
  #offsetBytes = 0;
  /** Entries whose data has not come yet. */
  readonly #waiting = new Set<number>();
  #wrong: string | null = null;
  #done = false;

  /** In order; the first ones may be as short as they like. */
  push(bytes: Buffer): void {
    if (this.#done) return;
    this.#feed.push(bytes);
    this.#advance();
  }

  /** Null for a whole archive, else what is wrong. */
  end(): string | null {
    if (!this.#done) {
      this.#feed.end();
      this.#advance();
    }
    return this.#wrong;
  }

  #advance(): void {
    try {
      this.#done = this.#walk.next().done === true;
    } catch (error) {
      if (!(error instanceof Malformed) && !(error instanceof RangeError)) throw error;
      this.#done = true;
      this.#wrong = error.message;
    }
  }

  *#archive(): Generator<void, void, undefined> {
    const feed = this.#feed;
    yield* feed.need(headBytes);
    const head = feed.take(headBytes);
    if (!isKnownArchive(head)) throw new Malformed('it is no archive of a known version');
    this.#minor = head[magic.length + 1]!;
    feed.integerBytes = head[magic.length + 3]!;
    this.#offsetBytes = head[magic.length + 4]!;
    if (this.#minor >= since.compressionByte) yield* feed.skip(1);
    else yield* feed.skipIntegers(1);
    yield* feed.skipIntegers(7); // the time of its making
    yield* feed.skipTexts(3); // database, versions of server and client
    const entries = yield* feed.integer();
    for (let at = 0; at < entries; at += 1) yield* this.#entry();
    yield* this.#blocks();
    if (this.#waiting.size > 0)
      throw new Malformed(`the data of ${this.#waiting.size} of its entries is missing`);
  }

  *#entry(): Generator<void, void, undefined> {
    const feed = this.#feed;
    const id = yield* feed.integer();
    yield* feed.skipIntegers(1);
    yield* feed.skipTexts(4); // table and object number, tag, description
    yield* feed.skipIntegers(1); // section
    yield* feed.skipTexts(5); // definition, its removal, COPY, schema, tablespace
    if (this.#minor >= since.tableAccess) yield* feed.skipTexts(1);
    if (this.#minor >= since.relationKind) yield* feed.skipIntegers(1);
    yield* feed.skipTexts(2); // owner, and whether rows have numbers
    while ((yield* feed.skipText()) !== null); // what it depends on
    yield* feed.need(1);
    const data = feed.byte();
    yield* feed.skip(this.#offsetBytes);
    if (data === position.none) return;
    if (data !== position.unset && data !== position.set)
      throw new Malformed('its table of contents is damaged');
    this.#waiting.add(id);
  }

  *#blocks(): Generator<void, void, undefined> {
    const feed = this.#feed;
    while (yield* feed.more()) {
      const kind = feed.byte();
      const id = yield* feed.integer();
      if (!this.#waiting.delete(id))
        throw new Malformed(`it has data of an entry ${id} that is not expected`);
      if (kind === blockOf.table) yield* this.#chunks();
      else if (kind === blockOf.largeObjects) while ((yield* feed.integer()) !== 0) yield* this.#chunks();
      else throw new Malformed(`it has a block of the unknown kind ${kind}`);
    }
  }

  /** One per row of a table: hundreds of thousands, so those that lie ready are passed without a pause. */
  *#chunks(): Generator<void, void, undefined> {
    const feed = this.#feed;
    for (;;) {
      if (feed.passChunks()) return;
      const bytes = yield* feed.integer();
      if (bytes === 0) return;
      if (bytes < 0) throw new Malformed('it has a chunk of negative size');
      yield* feed.skip(bytes);
    }
  }
}
