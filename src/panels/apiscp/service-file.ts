/**
 * One service file of `info/current`: INI with the single section [DEFAULT] and Python literals.
 *
 * Reads text, touches no file. Garbage never throws: what can be read is kept, the rest is named.
 */

import { type PythonValue, parsePythonValue } from './python-literal.ts';

export interface ServiceFile {
  readonly values: ReadonlyMap<string, PythonValue>;
  /** What is wrong with the file, without its contents; null when all of it could be read. */
  readonly problem: string | null;
}

const largestCount = 1000;
const keyForm = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

export function parseServiceFile(text: string): ServiceFile {
  const raw = new Map<string, string>();
  let problem: string | null = null;
  let last: string | null = null;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const wrong = (what: string): void => {
      problem ??= `line ${index + 1} ${what}`;
      last = null;
    };
    const trimmed = line.trim();
    if (line.includes('\0')) wrong('holds a NUL');
    else if (trimmed === '' || trimmed.startsWith(';') || trimmed.startsWith('#'))
      last = trimmed === '' ? null : last;
    else if (/^\s/.test(line) && last !== null) raw.set(last, `${raw.get(last)}\n${trimmed}`);
    else if (trimmed.startsWith('[')) {
      last = null;
      if (trimmed !== '[DEFAULT]') wrong('opens another section than [DEFAULT]');
    } else {
      const equals = trimmed.indexOf('=');
      const key = trimmed.slice(0, Math.max(equals, 0)).trimEnd();
      if (equals < 0) wrong('is no assignment');
      else if (!keyForm.test(key)) wrong('has a name that cannot be one');
      else if (raw.size >= largestCount) wrong('is beyond the first 1000 assignments');
      else {
        raw.set(key, trimmed.slice(equals + 1).trim());
        last = key;
      }
    }
  }
  return { values: new Map([...raw].map(([key, value]) => [key, parsePythonValue(value)])), problem };
}
