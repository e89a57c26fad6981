/**
 * Cuts a dump into statements as the server and its client do: quotes, comments, executable comments and
 * the client's DELIMITER are told apart byte by byte, across any chunks.
 *
 * Statements of any length pass in pieces, so that a row of a gigabyte costs no memory here. Comments
 * between statements are left out; those inside stay, or routines would lose theirs.
 */

import { HoldfastError } from '../../errors.ts';

export interface Piece {
  readonly bytes: Buffer;
  /** The statement ends here; its delimiter is not in `bytes`. */
  readonly last: boolean;
  /** Groups of parentheses at the top of the statement so far. */
  readonly groups: number;
  readonly delimiter: string;
  /** Line of the dump on which the statement begins, from 1. */
  readonly line: number;
}

/** Bytes that are held back until it is known what follows them. */
const lookahead = 64;
const longestDelimiter = 32;

const [nl, quote, double, tick, backslash] = [0x0a, 0x27, 0x22, 0x60, 0x5c];
const [hash, dash, slash, star, open, close, bang] = [0x23, 0x2d, 0x2f, 0x2a, 0x28, 0x29, 0x21];

export class StatementSplitter {
  /** Set from outside as the dump changes its sql_mode. */
  noBackslashEscapes = false;
  #rest: Buffer = Buffer.alloc(0);
  /** 0, a quote character, `#` for a line comment, `*` for a block comment. */
  #inside = 0;
  #depth = 0;
  #groups = 0;
  #executable = 0;
  #delimiter = ';';
  #started = false;
  #line = 1;
  #beganAt = 1;

  /** @throws IMPORT_REFUSED a delimiter that no client would write */
  *feed(chunk: Uint8Array): Generator<Piece, void, undefined> {
    this.#rest = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    yield* this.#scan(false);
  }

  /** After the last chunk. A statement without its end is yielded as it is. */
  *end(): Generator<Piece, void, undefined> {
    yield* this.#scan(true);
    if (this.#started) yield this.#piece(Buffer.alloc(0), true);
  }

  /** Whether the dump ended between statements. */
  get open(): boolean {
    return this.#started || this.#inside === star || this.#executable > 0;
  }

  *#scan(final: boolean): Generator<Piece, void, undefined> {
    const bytes = this.#rest;
    const limit = final ? bytes.length : bytes.length - lookahead;
    let from = 0;
    let at = 0;
    while (at < limit) {
      const char = bytes[at]!;
      if (char === nl) this.#line += 1;
      if (this.#inside !== 0) {
        at = this.#skipInside(bytes, at, char);
        if (this.#inside === 0 && !this.#started) from = at;
        continue;
      }
      if (!this.#started) {
        const client = this.#delimiterLine(bytes, at, final);
        if (client < 0) break;
        if (client > 0) {
          at = client;
          from = at;
          continue;
        }
        if (char <= 0x20) {
          at += 1;
          from = at;
          continue;
        }
      }
      if (this.#atDelimiter(bytes, at)) {
        if (this.#started) yield this.#piece(bytes.subarray(from, at), true);
        at += this.#delimiter.length;
        from = at;
        continue;
      }
      at = this.#step(bytes, at, char);
      if (!this.#started) from = at;
    }
    const done = Math.min(Math.max(at, from), bytes.length);
    if (this.#started && done > from) yield this.#piece(bytes.subarray(from, done), false);
    this.#rest = bytes.subarray(done);
  }

  #piece(bytes: Buffer, last: boolean): Piece {
    const piece = {
      bytes,
      last,
      groups: this.#groups,
      delimiter: this.#delimiter,
      line: this.#beganAt,
    };
    if (last) {
      this.#started = false;
      this.#depth = 0;
      this.#groups = 0;
      this.#executable = 0;
    }
    return piece;
  }

  /** One byte outside quotes and comments; returns where to go on. */
  #step(bytes: Buffer, at: number, char: number): number {
    switch (char) {
      case hash:
        this.#inside = hash;
        return at + 1;
      case dash:
        if (bytes[at + 1] !== dash || (bytes[at + 2] ?? 0x20) > 0x20) break;
        this.#inside = hash;
        return at + 2;
      case slash: {
        if (bytes[at + 1] !== star) break;
        const executes = executableLength(bytes, at);
        if (executes === 0) {
          this.#inside = star;
          return at + 2;
        }
        this.#executable += 1;
        this.#begin();
        return at + executes;
      }
      case star:
        if (bytes[at + 1] !== slash || this.#executable === 0) break;
        this.#executable -= 1;
        return at + 2;
      case quote:
      case double:
      case tick:
        this.#inside = char;
        break;
      case open:
        this.#depth += 1;
        break;
      case close:
        this.#depth -= 1;
        if (this.#depth === 0) this.#groups += 1;
        break;
      default:
        break;
    }
    this.#begin();
    return at + 1;
  }

  #begin(): void {
    if (this.#started) return;
    this.#started = true;
    this.#beganAt = this.#line;
  }

  #skipInside(bytes: Buffer, at: number, char: number): number {
    const inside = this.#inside;
    if (inside === hash) {
      if (char === nl) this.#inside = 0;
      return at + 1;
    }
    if (inside === star) {
      if (char !== star || bytes[at + 1] !== slash) return at + 1;
      this.#inside = 0;
      return at + 2;
    }
    if (char === inside) this.#inside = 0;
    else if (char === backslash && inside !== tick && !this.noBackslashEscapes) {
      if (bytes[at + 1] === nl) this.#line += 1;
      return at + 2;
    }
    return at + 1;
  }

  #atDelimiter(bytes: Buffer, at: number): boolean {
    const delimiter = this.#delimiter;
    for (let index = 0; index < delimiter.length; index += 1) {
      if (bytes[at + index] !== delimiter.charCodeAt(index)) return false;
    }
    return true;
  }

  /** Where the line after a DELIMITER command begins; 0 where there is none, -1 where more must be read. */
  #delimiterLine(bytes: Buffer, at: number, final: boolean): number {
    if ((bytes[at]! | 0x20) !== 0x64) return 0;
    if (!/^delimiter[ \t]/i.test(bytes.toString('latin1', at, at + 10))) return 0;
    const end = bytes.indexOf(nl, at);
    if (end < 0 && !final && bytes.length - at < 1024) return -1;
    const word = bytes.toString('latin1', at + 10, end < 0 ? bytes.length : end).trim();
    if (word === '' || word.length > longestDelimiter || /[\s\\'"`]/.test(word)) {
      throw new HoldfastError('IMPORT_REFUSED', `line ${this.#line} of the dump sets a strange delimiter`, {
        hint: 'Make the dump again with mariadb-dump or mysqldump.',
      });
    }
    this.#delimiter = word;
    return end < 0 ? bytes.length : end;
  }
}

/** Newer than any server: comments of this version are never executed. */
const never = 999_999;

/** Bytes of the opening of an executable comment, version included; 0 where the comment is a plain one. */
export function executableLength(bytes: Buffer, at: number): number {
  const marker = bytes[at + 2] === bang ? 3 : bytes[at + 2] === 0x4d && bytes[at + 3] === bang ? 4 : 0;
  if (marker === 0) return 0;
  let end = at + marker;
  while (end - at - marker < 6 && bytes[end]! >= 0x30 && bytes[end]! <= 0x39) end += 1;
  const digits = bytes.toString('latin1', at + marker, end);
  if (digits !== '' && digits.length < 5) return marker;
  return Number(digits) >= never ? 0 : end - at;
}
