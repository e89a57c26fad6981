/**
 * Cuts the SQL that pg_dump and pg_restore write into statements and rows of COPY, across any chunks.
 *
 * It is never given to psql, whose commands begin with a backslash: those of a dump are left out or refused,
 * and outside of quotes nothing else has one.
 */

import { HoldfastError } from '../../errors.ts';
import { dollarTag, endOfComment, endOfQuote, longestTag } from './import-lex.ts';

export type Item =
  /** In the encoding of the dump, which is one of those in which every byte of ASCII stands for itself. */
  | { readonly type: 'statement'; readonly bytes: Buffer; readonly line: number }
  /** Of the COPY statement before, as they are sent: `rows` line ends, and parts of rows. */
  | { readonly type: 'rows'; readonly bytes: Buffer; readonly rows: number }
  | { readonly type: 'rows-end' };

const longestStatement = 512 * 1024 * 1024;
const newline = 0x0a;

export class ScriptSplitter {
  #rest: Buffer = Buffer.alloc(0);
  /** What came since that was looked at. */
  #more: Buffer[] = [];
  #moreBytes = 0;
  /** Up to here the statement that is being read has been looked at. */
  #at = 0;
  #depth = 0;
  #blocks = 0;
  #words: string[] = [];
  /** The word right before, in upper case; empty where something else is. */
  #before = '';
  #copying = false;
  #rowsBegun = false;
  #line = 1;

  *feed(chunk: Uint8Array): Generator<Item, void, undefined> {
    this.#more.push(Buffer.from(chunk));
    this.#moreBytes += chunk.length;
    // A long statement is looked at again when there is as much more of it, else time would grow with its square.
    if (this.#moreBytes < this.#rest.length) return;
    this.#join();
    yield* this.#scan(false);
  }

  /** @throws IMPORT_REFUSED it ends in the middle of a statement */
  *end(): Generator<Item, void, undefined> {
    this.#join();
    yield* this.#scan(true);
    if (this.#copying || this.#rest.toString('latin1').trim() !== '') {
      throw this.#refused('ends in the middle of a statement');
    }
  }

  #join(): void {
    this.#rest = Buffer.concat([this.#rest, ...this.#more]);
    this.#more = [];
    this.#moreBytes = 0;
  }

  *#scan(final: boolean): Generator<Item, void, undefined> {
    for (;;) {
      if (this.#copying) {
        const more = this.#takeRows(final);
        if (more.rows !== null) yield more.rows;
        if (!more.ended) return;
        yield { type: 'rows-end' };
        continue;
      }
      const bytes = this.#takeStatement(final);
      if (bytes === null) return;
      if (bytes.length > 0) yield { type: 'statement', bytes, line: this.#line };
    }
  }

  /** Null where more must be read; empty for what is no statement. */
  #takeStatement(final: boolean): Buffer | null {
    if (this.#at === 0 && !this.#skipBetween(final)) return null;
    const bytes = this.#rest;
    // What begins near the end of what has come cannot be told yet.
    const limit = final ? bytes.length : bytes.length - longestTag;
    while (this.#at < limit) {
      const end = this.#token(bytes, final);
      if (end < 0) break;
      if (end > this.#at) {
        this.#at = end;
        continue;
      }
      const statement = bytes.subarray(0, this.#at);
      this.#take(this.#at + 1);
      this.#copying =
        /^COPY\s/i.test(statement.toString('latin1', 0, 5)) &&
        /\sFROM\s+stdin\b/i.test(statement.toString('latin1'));
      this.#rowsBegun = false;
      if (this.#copying) this.#takeLineEnd();
      return statement;
    }
    if (bytes.length > longestStatement) throw this.#refused('has a statement that is too long');
    return null;
  }

  /** The end of what begins at `#at`; `#at` itself for the semicolon, -1 where more must be read. */
  #token(bytes: Buffer, final: boolean): number {
    const at = this.#at;
    const char = bytes[at]!;
    const complete = (end: number): number => (end < 0 && final ? bytes.length : end);
    if (!isWord(char) && char > 0x20) this.#before = '';
    switch (char) {
      case 0x27: {
        const before = bytes[at - 1];
        const escaped = (before === 0x45 || before === 0x65) && !isWord(bytes[at - 2]);
        return complete(endOfQuote(bytes, at, char, escaped));
      }
      case 0x22:
        return complete(endOfQuote(bytes, at, char, false));
      case 0x24: {
        const tag = isWord(bytes[at - 1]) ? null : dollarTag(bytes, at);
        if (tag === 'too-long') throw this.#refused('has a dollar quote with a name that is too long');
        if (tag === null) return at + 1;
        const end = bytes.indexOf(tag, at + tag.length);
        return end < 0 ? complete(-1) : end + tag.length;
      }
      case 0x2d:
      case 0x2f:
        return complete(endOfComment(bytes, at));
      case 0x5c:
        throw this.#refused('has a backslash outside of quotes');
      case 0x28:
        this.#depth += 1;
        return at + 1;
      case 0x29:
        this.#depth -= 1;
        return at + 1;
      case 0x3b:
        return this.#depth <= 0 && this.#blocks <= 0 ? at : at + 1;
      default:
        return isWord(char) ? this.#word(bytes, at) : at + 1;
    }
  }

  /** Bodies in standard SQL hold semicolons between BEGIN ATOMIC and END. A name may be `begin` without quotes. */
  #word(bytes: Buffer, at: number): number {
    let end = at + 1;
    while (end < bytes.length && isWord(bytes[end])) end += 1;
    if (this.#words.length < 5) this.#words.push(bytes.toString('latin1', at, end).toUpperCase());
    if (!this.#words.some((word) => word === 'FUNCTION' || word === 'PROCEDURE')) return end;
    const word = bytes.toString('latin1', at, end).toUpperCase();
    if (this.#blocks === 0 && this.#depth === 0 && word === 'ATOMIC' && this.#before === 'BEGIN') {
      this.#blocks = 1;
    } else if (this.#blocks > 0 && word === 'CASE') this.#blocks += 1;
    else if (this.#blocks > 0 && word === 'END') this.#blocks -= 1;
    this.#before = word;
    return end;
  }

  /** Passes over space, comments and the commands of psql that every dump has. False: more must be read. */
  #skipBetween(final: boolean): boolean {
    for (;;) {
      const bytes = this.#rest;
      let at = 0;
      while (at < bytes.length && bytes[at]! <= 0x20) at += 1;
      this.#take(at);
      const [first, second] = [this.#rest[0], this.#rest[1]];
      if (first === undefined || (second === undefined && !final)) return false;
      if (first === 0x5c) {
        const end = this.#rest.indexOf(newline);
        if (end < 0 && !final) return false;
        const line = this.#rest.toString('latin1', 0, end < 0 ? this.#rest.length : end);
        if (!/^\\(un)?restrict [A-Za-z0-9]+\s*$/.test(line)) throw this.#refused('has a command of psql');
        this.#take(line.length);
      } else if ((first === 0x2d && second === 0x2d) || (first === 0x2f && second === 0x2a)) {
        const end = endOfComment(this.#rest, 0);
        if (end < 0 && !final) return false;
        this.#take(end < 0 ? this.#rest.length : end);
      } else return true;
    }
  }

  /** Also of a row that has not come whole: one of a gigabyte passes in pieces. */
  #takeRows(final: boolean): { readonly rows: Item | null; readonly ended: boolean } {
    const bytes = this.#rest;
    const atOnce =
      !this.#rowsBegun &&
      bytes[0] === 0x5c &&
      bytes[1] === 0x2e &&
      (bytes[2] === newline || bytes[2] === 0x0d);
    const mark = atOnce ? -1 : bytes.indexOf('\n\\.\n', 0, 'latin1');
    const ended = atOnce || mark >= 0;
    if (!ended && final) throw this.#refused('ends in the middle of the rows of a table');
    // Nothing that may be part of the end.
    const length = atOnce ? 0 : ended ? mark + 1 : Math.max(0, bytes.length - 3);
    const rows = length === 0 ? null : bytes.subarray(0, length);
    const count = rows === null ? 0 : countLines(rows);
    this.#take(length);
    if (length > 0) this.#rowsBegun = true;
    if (ended) this.#take(3);
    this.#copying = !ended;
    return { rows: rows === null ? null : { type: 'rows', bytes: rows, rows: count }, ended };
  }

  #takeLineEnd(): void {
    const end = this.#rest.indexOf(newline);
    if (end >= 0) this.#take(end + 1);
  }

  #take(length: number): void {
    this.#line += countLines(this.#rest.subarray(0, length));
    this.#rest = this.#rest.subarray(length);
    this.#at = 0;
    this.#depth = 0;
    this.#blocks = 0;
    this.#words = [];
    this.#before = '';
  }

  #refused(why: string): HoldfastError {
    return new HoldfastError('IMPORT_REFUSED', `the dump ${why}, near line ${this.#line}`, {
      hint: 'Make the dump again with pg_dump, or restore another snapshot.',
    });
  }
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count += 1;
  return count;
}

const isWord = (char: number | undefined): boolean =>
  char !== undefined &&
  ((char >= 0x30 && char <= 0x39) ||
    (char >= 0x41 && char <= 0x5a) ||
    (char >= 0x61 && char <= 0x7a) ||
    char === 0x5f ||
    char >= 0x80);
