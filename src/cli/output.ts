/**
 * Everything a command prints: results to stdout, diagnostics to stderr, JSON where it was asked for.
 *
 * Callers escape text from accounts with `printable` or put it into a `table`; as a last line of defence no
 * control character passes here raw. Lines are gathered and written at the end of the turn, or sooner
 * where they are many.
 */

import { type Column, table } from './table.ts';
import type { World } from './world.ts';

const gatheredBytes = 32 * 1024;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const control = /[\u0000-\u001f\u007f-\u009f]/g;
/** Characters that JSON leaves as they are and a terminal may act upon. */
const risky = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

const scrubbed = (text: string): string =>
  text.replace(control, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);

const safeJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replace(
    risky,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly stdout: World['stdout'];
  /** What `--json` prints are lines, each a document. */
  jsonLines = false;
  /** Takes whole lines instead of stdout, while a progress bar owns the terminal. */
  interceptor: ((lines: string) => void) | null = null;
  readonly #stderr: World['stderr'];
  #gathered = '';
  #timer: NodeJS.Immediate | null = null;

  constructor({ stdout, stderr }: Pick<World, 'stdout' | 'stderr'>, { json, quiet }: OutputOptions) {
    this.stdout = stdout;
    this.#stderr = stderr;
    this.json = json;
    this.quiet = quiet;
  }

  /** Progress is shown where somebody looks, and nothing else shall be read. */
  get showsProgress(): boolean {
    return this.stdout.isTTY === true && !this.json && !this.quiet;
  }

  /** A line for people; nothing with `--json`. */
  line(text = ''): void {
    if (!this.json) this.#write(`${scrubbed(text)}\n`);
  }

  /** A line that `--quiet` leaves out. */
  info(text: string): void {
    if (!this.quiet) this.line(text);
  }

  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    const width = this.stdout.isTTY === true ? (this.stdout.columns ?? 80) : Number.POSITIVE_INFINITY;
    for (const line of table(columns, rows, width)) this.line(line);
  }

  /** The one document of `--json`; a line like the others where they are JSON Lines. */
  document<T>(value: T): void {
    if (this.json) this.#write(`${safeJson(value, this.jsonLines ? undefined : 2)}\n`);
  }

  /** A line of JSON Lines. */
  record<T>(value: T): void {
    if (this.json) this.#write(`${safeJson(value)}\n`);
  }

  /** A diagnostic: to stderr, whatever was asked for. */
  note(text: string): void {
    this.flush();
    const lines = text.split('\n').map((line) => `${scrubbed(line)}\n`);
    if (this.interceptor === null) this.#stderr.write(lines.join(''));
    else this.interceptor(lines.join(''));
  }

  /** Help and version: text of our own, to stdout as it is. */
  raw(text: string): void {
    this.#write(text);
  }

  flush(): void {
    if (this.#timer !== null) clearImmediate(this.#timer);
    this.#timer = null;
    if (this.#gathered === '') return;
    const text = this.#gathered;
    this.#gathered = '';
    if (this.interceptor === null) this.stdout.write(text);
    else this.interceptor(text);
  }

  #write(text: string): void {
    this.#gathered += text;
    if (this.#gathered.length > gatheredBytes) this.flush();
    else this.#timer ??= setImmediate(() => this.flush());
  }
}
