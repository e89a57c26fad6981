/**
 * Strict JSON with errors a person can act on: line, column, what was expected.
 *
 * JSON.parse alone quotes the text around a fault (which may hold a secret), often tells no position,
 * and lets a repeated property silently win over the first. Never put file contents into a message.
 */

/** Where and what. Lines and columns count from 1, columns in characters. */
export interface JsonFault {
  readonly line: number;
  readonly column: number;
  readonly what: string;
}

export type JsonResult = { readonly value: unknown } | { readonly fault: JsonFault };

const deepest = 64;
const scalar = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![0-9A-Za-z_.+-])/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside a string.
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const space = /[ \t\r\n]*/y;

class Fault extends Error {}

export function parseJson(text: string): JsonResult {
  const scanner = new Scanner(text);
  try {
    scanner.document();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const before = text.slice(0, scanner.at).split('\n');
    return { fault: { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, what: error.message } };
  }
  return { value: JSON.parse(text) as unknown };
}

class Scanner {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#value(0);
    if (this.at < this.#text.length) throw new Fault('nothing may follow the document');
  }

  #value(depth: number): void {
    if (depth > deepest) throw new Fault(`nested deeper than ${deepest} levels`);
    this.#match(space);
    const first = this.#text[this.at];
    if (first === '{') this.#list('}', (seen) => this.#property(depth, seen));
    else if (first === '[') this.#list(']', () => this.#value(depth + 1));
    else if (first === '"') this.#string('a string');
    else if (first === undefined) throw new Fault('the file ends in the middle of the document');
    else if (this.#match(scalar) === null) {
      throw new Fault(first === "'" ? 'strings need double quotes' : 'expected a value');
    }
    this.#match(space);
  }

  #property(depth: number, seen: Set<string>): void {
    const start = this.at;
    const name = JSON.parse(this.#string('a property name in double quotes')) as string;
    if (seen.has(name)) {
      this.at = start;
      throw new Fault('this property was given before');
    }
    seen.add(name);
    this.#match(space);
    if (this.#text[this.at] !== ':') throw new Fault('expected ":" after the property name');
    this.at += 1;
    this.#value(depth + 1);
  }

  #list(close: string, item: (seen: Set<string>) => void): void {
    const seen = new Set<string>();
    this.at += 1;
    this.#match(space);
    if (this.#text[this.at] === close) {
      this.at += 1;
      return;
    }
    for (;;) {
      this.#match(space);
      if (this.#text[this.at] === close) throw new Fault(`no comma may stand before "${close}"`);
      item(seen);
      const next = this.#text[this.at];
      if (next === undefined) throw new Fault(`the file ends where "," or "${close}" was expected`);
      if (next !== ',' && next !== close) throw new Fault(`expected "," or "${close}"`);
      this.at += 1;
      if (next === close) return;
    }
  }

  #string(expected: string): string {
    const found = this.#match(string);
    if (found !== null) return found;
    const begun = this.#text[this.at] === '"';
    throw new Fault(
      begun
        ? 'this string is not closed, or holds a bare control character or a bad escape'
        : `expected ${expected}`,
    );
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found !== null) this.at += found.length;
    return found;
  }
}
