/** Which statements of a dump an import lets through, and which it leaves out without a word. */

import type { StatementHead } from './import-statement.ts';
import type { Token } from './import-tokens.ts';

const allowed: ReadonlySet<string> = new Set([
  'CREATE TABLE',
  'CREATE VIEW',
  'CREATE TRIGGER',
  'CREATE PROCEDURE',
  'CREATE FUNCTION',
  'CREATE PACKAGE',
  'CREATE PACKAGE BODY',
  'CREATE EVENT',
  'CREATE SEQUENCE',
  'CREATE INDEX',
  'DROP TABLE',
  'DROP VIEW',
  'DROP TRIGGER',
  'DROP PROCEDURE',
  'DROP FUNCTION',
  'DROP PACKAGE',
  'DROP PACKAGE BODY',
  'DROP EVENT',
  'DROP SEQUENCE',
  'ALTER TABLE',
  'ALTER DATABASE',
  'START',
  'COMMIT',
  'BEGIN',
]);

/** Nothing of these is part of one database. */
export const dropped: ReadonlySet<string> = new Set(['CHANGE', 'FLUSH', 'ANALYZE', 'OPTIMIZE']);
/** Nobody else uses the scratch database, and a sequence that a default needs is never among the locked. */
export const needless: ReadonlySet<string> = new Set(['LOCK TABLES', 'UNLOCK TABLES', 'LOCK TABLE']);

/** @param tokens of the whole statement */
export function passing(verb: string, tokens: readonly Token[]): boolean {
  if (verb === 'DO' || verb === 'SELECT') return isSetval(tokens);
  // A function of a loadable library is no part of a database.
  if (verb === 'CREATE FUNCTION' && tokens.some(({ kind, value }) => kind === 'word' && value === 'SONAME')) {
    return false;
  }
  return allowed.has(verb);
}

/** Whether a statement belongs to one of `wanted` tables: of a dump of which only some are imported. */
export function belongsTo(
  wanted: ReadonlySet<string>,
  bytes: Buffer,
  tokens: readonly Token[],
  { verb, name, next }: StatementHead,
): boolean {
  if (/^(START|COMMIT|BEGIN)$/.test(verb)) return true;
  if (/ (TABLE|SEQUENCE)$/.test(verb)) return name !== null && wanted.has(name);
  if (verb === 'CREATE TRIGGER') {
    const on = tokens.findIndex(({ kind, value }, at) => at >= next && kind === 'word' && value === 'ON');
    const table = tokens[on + 1];
    return (
      table !== undefined &&
      wanted.has(table.kind === 'name' ? table.value : bytes.toString('utf8', table.start, table.end))
    );
  }
  if (verb === 'DO' || verb === 'SELECT')
    return tokens.some(({ kind, value }) => kind === 'name' && wanted.has(value));
  return false;
}

/** `DO SETVAL(`name`, 1, 0)`: how a dump sets a sequence. */
function isSetval(tokens: readonly Token[]): boolean {
  const rest = tokens.slice(3).filter(({ kind, value }) => kind === 'word' && !/^\d+$/.test(value));
  return tokens[1]?.value === 'SETVAL' && tokens[2]?.value === '(' && rest.length === 0;
}

/** Character sets in which a byte of ASCII is never part of another character. */
const safeCharset =
  /^(UTF8|UTF8MB3|UTF8MB4|ASCII|BINARY|LATIN\d|CP125\d|CP85\d|CP866|KOI8[RU]|GREEK|HEBREW|HP8|DEFAULT|NULL|MACROMAN|MACCE|ARMSCII8|GEOSTD8|KEYBCS2|TIS620|DEC8|SWE7|UJIS|EUCJPMS|EUCKR|GB2312)$/;

/** The character set that a `SET` turns to and that hides quotes inside characters; null where there is none. */
export function forbiddenCharset(tokens: readonly Token[]): string | null {
  for (const [at, { kind, value }] of tokens.entries()) {
    if (kind !== 'word') continue;
    const assigned = tokens[at + 1]?.value === '=';
    const isUserVariable = tokens[at - 1]?.value === '@' && tokens[at - 2]?.value !== '@';
    const set =
      value === 'NAMES' || (value === 'SET' && tokens[at - 1]?.value === 'CHARACTER')
        ? tokens[at + 1]
        : value === 'CHARACTER_SET_CLIENT' && assigned && !isUserVariable
          ? tokens[at + 2]
          : undefined;
    if (set === undefined || set.value === '@') continue;
    if (!safeCharset.test(set.value.toUpperCase())) return set.value;
  }
  return null;
}
