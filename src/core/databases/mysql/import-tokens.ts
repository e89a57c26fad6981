/**
 * The words of one statement, with their places, so that parts of it can be replaced and the rest stays as
 * it is, byte for byte. Comments are passed over; what stands in an executable comment counts.
 */

import { executableLength } from './import-split.ts';

export interface Token {
  readonly kind: 'word' | 'name' | 'text' | 'sign';
  /** Words in upper case; names and texts without their quotes; signs as they are. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

export interface TokenOptions {
  readonly noBackslashEscapes: boolean;
  /** Double quotes stand for names. */
  readonly ansiQuotes: boolean;
}

const wordByte = (char: number): boolean =>
  (char >= 0x30 && char <= 0x39) ||
  (char >= 0x41 && char <= 0x5a) ||
  (char >= 0x61 && char <= 0x7a) ||
  char === 0x5f ||
  char === 0x24 ||
  char >= 0x80;

/** The first `limit` tokens of a statement. */
export function tokenize(
  bytes: Buffer,
  options: TokenOptions,
  limit = Number.POSITIVE_INFINITY,
): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < bytes.length && tokens.length < limit) {
    const char = bytes[at]!;
    const skipped = skipComment(bytes, at);
    if (char <= 0x20) at += 1;
    else if (skipped > at) at = skipped;
    else if (char === 0x2a && bytes[at + 1] === 0x2f) at += 2;
    else if (char === 0x27 || char === 0x22 || char === 0x60) {
      const end = endOfQuoted(bytes, at, char, options);
      const isName = char === 0x60 || (char === 0x22 && options.ansiQuotes);
      const inner = bytes.toString('utf8', at + 1, end - 1);
      const sign = String.fromCharCode(char);
      tokens.push({
        kind: isName ? 'name' : 'text',
        value: inner.replaceAll(sign + sign, sign),
        start: at,
        end,
      });
      at = end;
    } else if (wordByte(char)) {
      let end = at + 1;
      while (end < bytes.length && wordByte(bytes[end]!)) end += 1;
      tokens.push({ kind: 'word', value: bytes.toString('utf8', at, end).toUpperCase(), start: at, end });
      at = end;
    } else {
      tokens.push({ kind: 'sign', value: String.fromCharCode(char), start: at, end: at + 1 });
      at += 1;
    }
  }
  return tokens;
}

function skipComment(bytes: Buffer, at: number): number {
  const [char, next] = [bytes[at], bytes[at + 1]];
  const isLine = char === 0x23 || (char === 0x2d && next === 0x2d && (bytes[at + 2] ?? 0x20) <= 0x20);
  if (isLine) {
    const end = bytes.indexOf(0x0a, at);
    return end < 0 ? bytes.length : end + 1;
  }
  if (char !== 0x2f || next !== 0x2a) return at;
  const executes = executableLength(bytes, at);
  if (executes > 0) return at + executes;
  const end = bytes.indexOf('*/', at + 2, 'latin1');
  return end < 0 ? bytes.length : end + 2;
}

function endOfQuoted(bytes: Buffer, start: number, quote: number, options: TokenOptions): number {
  let at = start + 1;
  while (at < bytes.length) {
    const char = bytes[at]!;
    if (char === 0x5c && quote !== 0x60 && !options.noBackslashEscapes) at += 2;
    else if (char !== quote) at += 1;
    else if (bytes[at + 1] === quote) at += 2;
    else return at + 1;
  }
  return bytes.length;
}

/** A name, quoted or not, as the server would take it. */
export function nameOf(bytes: Buffer, token: Token | undefined): string | null {
  if (token?.kind === 'name') return token.value;
  return token?.kind === 'word' ? bytes.toString('utf8', token.start, token.end) : null;
}

export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** @param edits in any order, none overlapping */
export function applyEdits(bytes: Buffer, edits: readonly Edit[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, text } of [...edits].sort((a, b) => a.start - b.start)) {
    parts.push(bytes.subarray(at, start), Buffer.from(text));
    at = end;
  }
  return Buffer.concat([...parts, bytes.subarray(at)]);
}
