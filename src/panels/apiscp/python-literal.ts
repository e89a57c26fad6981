/**
 * Python literals as the panel writes them into its metadata: None, numbers, strings, lists.
 *
 * Lossless: what is not surely a literal stays the text it was (`3.10` is a version, `007` a name).
 * The text may be hostile; nesting is bounded and nothing is ever evaluated.
 */

export type PythonValue = null | boolean | number | string | readonly PythonValue[];

const deepest = 16;
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\n': '',
};

/** The value of one assignment. Text that is no literal comes back as it stands, without outer blanks. */
export function parsePythonValue(text: string): PythonValue {
  const bare = text.trim();
  const reader = new Reader(bare);
  try {
    const value = reader.literal(0);
    if (reader.atEndOrComment()) return value;
  } catch (error) {
    if (error !== noLiteral) throw error;
  }
  return bare;
}

/** Thrown for most values of most files; made once, because each stack trace costs more than a parse. */
const noLiteral = new Error('no literal');

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  literal(depth: number): PythonValue {
    if (depth > deepest) throw noLiteral;
    const first = this.#text[this.#at];
    if (first === '[') return this.#list(']', depth);
    if (first === '(') return this.#list(')', depth);
    if (first === "'" || first === '"') return this.#string();
    if (this.#match(/[uU](?=['"])/y) !== null) return this.#string();
    return this.#word(depth > 0);
  }

  /** A comment after a complete literal is no part of it. */
  atEndOrComment(): boolean {
    return this.#match(/\s*(?:$|\s[;#])/y) !== null;
  }

  #list(close: string, depth: number): PythonValue[] {
    const items: PythonValue[] = [];
    this.#at += 1;
    for (;;) {
      this.#match(/\s*/y);
      if (this.#text[this.#at] === close) {
        this.#at += 1;
        return items;
      }
      items.push(this.literal(depth + 1));
      this.#match(/\s*/y);
      if (this.#text[this.#at] === ',') this.#at += 1;
      else if (this.#text[this.#at] !== close) throw noLiteral;
    }
  }

  #string(): string {
    const quote = this.#text[this.#at];
    let value = '';
    for (this.#at += 1; ; this.#at += 1) {
      const char = this.#text[this.#at];
      if (char === undefined) throw noLiteral;
      if (char === quote) break;
      value += char === '\\' ? this.#escape() : char;
    }
    this.#at += 1;
    return value;
  }

  /** Python keeps the backslash of an escape it does not know. */
  #escape(): string {
    this.#at += 1;
    const coded = this.#match(/x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}/y);
    if (coded !== null) {
      // The caller steps over one more character.
      this.#at -= 1;
      const code = /^[0-7]/.test(coded) ? Number.parseInt(coded, 8) : Number.parseInt(coded.slice(1), 16);
      if (code > 0x10ffff) throw noLiteral;
      return String.fromCodePoint(code);
    }
    const char = this.#text[this.#at] ?? '';
    return Object.hasOwn(escapes, char) ? (escapes[char] ?? '') : `\\${char}`;
  }

  #word(inList: boolean): PythonValue {
    const word = this.#match(inList ? /[^\s,[\]()'"]+/y : /\S+/y);
    if (word === null) throw noLiteral;
    if (/^(?:None|null)$/.test(word)) return null;
    if (word === 'True' || word === 'False') return word === 'True';
    if (/^(?:0|-?[1-9][0-9]{0,14})$/.test(word)) return Number(word);
    // The panel also writes lists without quotes; outside of one a bare word is simply text.
    if (inList) return word;
    throw noLiteral;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }
}
