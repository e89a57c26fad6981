/** Where quotes and comments of PostgreSQL's SQL end, and the words of one statement. Pure. */

import { quoteName } from './names.ts';

/** After the closing quote; -1 where it has not come. */
export function endOfQuote(bytes: Buffer, start: number, quote: number, escapes: boolean): number {
  for (let at = start + 1; at < bytes.length; at += 1) {
    const char = bytes[at];
    if (char === 0x5c && escapes) at += 1;
    else if (char === quote) {
      if (bytes[at + 1] !== quote) return at + 1;
      at += 1;
    }
  }
  return -1;
}

/** After the comment that begins here; `start + 1` where none does, -1 where its end has not come. */
export function endOfComment(bytes: Buffer, start: number): number {
  if (bytes[start] === 0x2d) {
    if (bytes[start + 1] !== 0x2d) return start + 1;
    // The server ends it at either of them.
    for (let at = start; at < bytes.length; at += 1) if (bytes[at] === 0x0a || bytes[at] === 0x0d) return at;
    return -1;
  }
  if (bytes[start + 1] !== 0x2a) return start + 1;
  // Block comments nest.
  let depth = 0;
  for (let at = start; at < bytes.length - 1; at += 1) {
    if (bytes[at] === 0x2f && bytes[at + 1] === 0x2a) {
      depth += 1;
      at += 1;
    } else if (bytes[at] === 0x2a && bytes[at + 1] === 0x2f) {
      depth -= 1;
      at += 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

/** Bytes of a dollar and the name after it in which its second dollar must come. */
export const longestTag = 64;

/** `$$` or `$tag$` at this place; null where there is none, `too-long` where it may come later than we look. */
export function dollarTag(bytes: Buffer, at: number): string | null {
  const text = bytes.toString('latin1', at, at + longestTag);
  const [tag] = /^\$(?:[A-Za-z_\u0080-\u00ff][\w\u0080-\u00ff]*)?\$?/.exec(text) ?? [];
  if (tag === undefined) return null;
  if (tag.length > 1 && tag.endsWith('$')) return tag;
  return tag.length === longestTag ? 'too-long' : null;
}

export interface Word {
  readonly kind: 'word' | 'name' | 'text' | 'sign';
  /** Words in lower case, as the server folds them; names without quotes; signs as they are. */
  readonly value: string;
  /** Bytes of the text in UTF-8 before it, and up to its end. */
  readonly start: number;
  readonly end: number;
}

/** The first `limit` words of a statement, comments left out. */
export function words(text: string, limit = Number.POSITIVE_INFINITY): readonly Word[] {
  const bytes = Buffer.from(text);
  const found: Word[] = [];
  let at = 0;
  while (at < bytes.length && found.length < limit) {
    const char = bytes[at]!;
    const comment = char === 0x2d || char === 0x2f ? endOfComment(bytes, at) : at + 1;
    const tag = char === 0x24 ? dollarTag(bytes, at) : null;
    if (char <= 0x20) at += 1;
    else if (comment !== at + 1) at = comment < 0 ? bytes.length : comment;
    else if (char === 0x27 || char === 0x22) {
      const before = found.at(-1);
      const escapes = char === 0x27 && before?.kind === 'word' && before.value === 'e';
      const end = endOfQuote(bytes, at, char, escapes);
      const stop = end < 0 ? bytes.length : end;
      const sign = char === 0x27 ? "'" : '"';
      const value = bytes.toString('utf8', at + 1, stop - 1).replaceAll(sign + sign, sign);
      found.push({ kind: char === 0x27 ? 'text' : 'name', value, start: at, end: stop });
      at = stop;
    } else if (tag !== null) {
      const close = bytes.indexOf(tag, at + tag.length, 'latin1');
      const end = close < 0 ? bytes.length : close + tag.length;
      found.push({ kind: 'text', value: '', start: at, end });
      at = end;
    } else {
      const match = /^[\w\u0080-\uffff][\w$\u0080-\uffff]*/.exec(bytes.toString('utf8', at, at + 260));
      const value = match?.[0] ?? String.fromCharCode(char);
      const end = at + Buffer.byteLength(value);
      found.push({
        kind: match === null ? 'sign' : 'word',
        value: match === null ? value : value.toLowerCase(),
        start: at,
        end,
      });
      at = end;
    }
  }
  return found;
}

/** The text with other names in the place of some of its words. */
export function renamed(text: string, list: readonly Word[], names: ReadonlyMap<string, string>): string {
  const bytes = Buffer.from(text);
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { value, start, end } of list) {
    const name = names.get(value);
    if (name === undefined) continue;
    pieces.push(bytes.subarray(at, start), Buffer.from(quoteName(name)));
    at = end;
  }
  return Buffer.concat([...pieces, bytes.subarray(at)]).toString();
}

/** A name in one or two parts at this place, e.g. of a table: schema and name. */
export function qualifiedName(
  list: readonly Word[],
  at: number,
): { readonly schema: string | null; readonly name: string; readonly next: number } | null {
  const first = list[at];
  if (first === undefined || (first.kind !== 'word' && first.kind !== 'name')) return null;
  const isDot = list[at + 1]?.kind === 'sign' && list[at + 1]?.value === '.';
  const second = list[at + 2];
  if (!isDot || second === undefined) return { schema: null, name: first.value, next: at + 1 };
  return { schema: first.value, name: second.value, next: at + 3 };
}
