/**
 * Values of scopes as the panel writes them on a command line: `true`, `null`, `[a,b]`, `[k:v]`, nested, with
 * dotted keys and quotes.
 *
 * Text in, plain data out, and back. Never evaluates anything. A quoted word is always a string; a bare one
 * is a number, `true`, `false` or `null` where it looks like one, else a string.
 */

import type { ScopeValue } from '../contracts/scope.ts';
import { HoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';

const deepest = 32;
const longest = 64 * 1024;

/** @throws USAGE the text breaks the grammar; the message says where */
export function parseScopeValue(text: string): ScopeValue {
  if (text.length > longest) throw broken('the value is longer than 64 KiB');
  const reader = new Reader(text);
  const value = reader.value('');
  reader.end();
  return value;
}

/** As `parseScopeValue` reads it back, but for an empty object, which looks like an empty list. */
export function showScopeValue(value: ScopeValue, inside = false): string {
  if (Array.isArray(value)) return `[${value.map((one) => showScopeValue(one, true)).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([key, one]) => `${keyText(key)}: ${showScopeValue(one, true)}`);
    return `[${pairs.join(', ')}]`;
  }
  if (typeof value !== 'string') return String(value);
  const plain = inside ? /^[^\s'"[\],:\\][^'"[\],:\\]*$/ : /^[^\s'"[\\][^'"\\]*$/;
  return plain.test(value) && value.trim() === value && typeof wordOf(value) === 'string'
    ? value
    : quotedWord(value);
}

const keyText = (key: string): string => (/^[A-Za-z0-9_-]+$/.test(key) ? key : quotedWord(key));
const quotedWord = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const broken = (message: string): HoldfastError =>
  new HoldfastError('USAGE', message, {
    hint: "Write true, null, 3, text, [a, b] or [key: value]; put quotes around text with any of [ ] , : ' in it.",
  });

/** What a bare word means. */
function wordOf(word: string): ScopeValue {
  if (word === 'true') return true;
  if (word === 'false') return false;
  if (word === 'null') return null;
  if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(word)) return word;
  const number = Number(word);
  return String(number) === word ? number : word;
}

type Branch = Map<string, ScopeValue | Branch>;

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** @param stops characters that end a bare word */
  value(stops: string): ScopeValue {
    this.#space();
    const next = this.#text[this.#at];
    if (next === '[') return this.#bracket();
    if (next === "'" || next === '"') return this.#quoted();
    const word = this.#bare(stops);
    if (word === '' && stops !== '') throw broken(`a value is missing at character ${this.#at + 1}`);
    return wordOf(word);
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) {
      throw broken(`nothing may follow the value, but ${quoted(this.#text.slice(this.#at), 40)} does`);
    }
  }

  #bracket(): ScopeValue {
    this.#depth += 1;
    if (this.#depth > deepest) throw broken(`the value is nested deeper than ${deepest}`);
    this.#at += 1;
    const items: ScopeValue[] = [];
    const branch: Branch = new Map();
    this.#space();
    while (this.#text[this.#at] !== ']') {
      const key = this.#key();
      if (key === null) items.push(this.value(',]'));
      else plant(branch, key, this.value(',]'));
      if (items.length > 0 && branch.size > 0) throw broken('a list and keys cannot be mixed');
      this.#space();
      const next = this.#text[this.#at];
      if (next === undefined) throw broken('a ] is missing at the end');
      if (next !== ',' && next !== ']') throw broken(`a , or ] is missing at character ${this.#at + 1}`);
      if (next === ',') this.#at += 1;
      this.#space();
      if (next === ',' && this.#text[this.#at] === ']') throw broken('a value is missing after the last ,');
    }
    this.#at += 1;
    this.#depth -= 1;
    return branch.size > 0 ? grown(branch) : items;
  }

  /** The path before a colon, or null where there is none and a value of a list begins. */
  #key(): readonly string[] | null {
    const begin = this.#at;
    const next = this.#text[begin];
    const isQuoted = next === "'" || next === '"';
    const word = next === '[' ? '' : isQuoted ? this.#quoted() : this.#bare(',:]');
    this.#space();
    if (this.#text[this.#at] !== ':') {
      this.#at = begin;
      return null;
    }
    if (word === '') throw broken(`a key is missing before the : at character ${this.#at + 1}`);
    this.#at += 1;
    const path = isQuoted ? [word] : word.split('.');
    if (path.some((part) => part === '')) throw broken(`the key ${quoted(word)} has an empty part`);
    return path;
  }

  #bare(stops: string): string {
    const begin = this.#at;
    while (this.#at < this.#text.length && !stops.includes(this.#text[this.#at]!)) this.#at += 1;
    return this.#text.slice(begin, this.#at).trim();
  }

  #quoted(): string {
    const mark = this.#text[this.#at]!;
    let word = '';
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      const one = this.#text[this.#at]!;
      if (one === mark) {
        this.#at += 1;
        return word;
      }
      const next = this.#text[this.#at + 1];
      const escaped = one === '\\' && (next === '\\' || next === mark);
      if (escaped) this.#at += 1;
      word += escaped ? next : one;
    }
    throw broken(`the closing ${mark} is missing`);
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }
}

function plant(branch: Branch, path: readonly string[], value: ScopeValue): void {
  const [first, ...rest] = path as [string, ...string[]];
  const there = branch.get(first);
  if (rest.length === 0) {
    if (there !== undefined) throw broken(`the key ${quoted(first)} stands there twice`);
    branch.set(first, value);
    return;
  }
  if (there !== undefined && !(there instanceof Map))
    throw broken(`the key ${quoted(first)} stands there twice`);
  const below = there ?? new Map();
  branch.set(first, below);
  plant(below, rest, value);
}

const grown = (branch: Branch): ScopeValue =>
  Object.fromEntries([...branch].map(([key, one]) => [key, one instanceof Map ? grown(one) : one]));
