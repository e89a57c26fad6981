/**
 * Foreign keys to tables that are not in their database, as dumps may hold them. A RENAME takes the table along and leaves
 * such a key behind: it would lead into the scratch database for ever. So they are dropped before, and made again after.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { printable, quoted } from '../../printable.ts';
import { keysInto } from './import-keys.ts';
import { nameOf, type Token, tokenize } from './import-tokens.ts';
import { quoteName } from './names.ts';
import { errorNumber, lockErrors, type Session, text } from './session.ts';

/** Plain JSON. */
export interface TornKey {
  readonly table: string;
  readonly name: string;
  /** `CONSTRAINT … FOREIGN KEY … REFERENCES …`, for the database that the table is in. */
  readonly sql: string;
}

const noSuchKey = 1091;
const sameName = 1826;

/** @param tables all of the database */
export async function readTornKeys(
  session: Session,
  database: string,
  tables: readonly string[],
): Promise<readonly TornKey[]> {
  const there = new Set(tables);
  const torn = new Map<string, Set<string>>();
  for (const [schema, child, parentSchema, parent] of await keysInto(session, database)) {
    if (text(schema) !== database || text(parentSchema) !== database || there.has(text(parent))) continue;
    torn.set(text(child), (torn.get(text(child)) ?? new Set()).add(text(parent)));
  }
  const found: TornKey[] = [];
  for (const [table, parents] of torn) {
    const [row] = await session.rows(`SHOW CREATE TABLE ${quoteName(database)}.${quoteName(table)}`);
    for (const { parent, ...key } of keysOf(text(row?.[1])))
      if (parents.has(parent)) found.push({ table, ...key });
  }
  return found;
}

interface ShownKey extends Omit<TornKey, 'table'> {
  /** Of the same database. */
  readonly parent: string;
}

/** @param sql a table as the server shows it */
export function keysOf(sql: string): readonly ShownKey[] {
  const bytes = Buffer.from(sql);
  const tokens = tokenize(bytes, { noBackslashEscapes: false, ansiQuotes: false });
  const isSign = (at: number, value: string): boolean =>
    tokens[at]?.kind === 'sign' && tokens[at].value === value;
  const isWord = (token: Token | undefined, value: string): boolean =>
    token?.kind === 'word' && token.value === value;
  const keys: ShownKey[] = [];
  let depth = 0;
  let begin: number | null = null;
  for (const at of tokens.keys()) {
    if (isSign(at, '(')) depth += 1;
    const ends = depth === 1 && (isSign(at, ',') || isSign(at, ')'));
    if (isSign(at, ')')) depth -= 1;
    if (depth === 1 && isWord(tokens[at], 'CONSTRAINT') && isWord(tokens[at + 2], 'FOREIGN')) begin = at;
    if (!ends || begin === null) continue;
    const part = tokens.slice(begin, at);
    begin = null;
    const references = part.findIndex((token) => isWord(token, 'REFERENCES'));
    const [name, parent] = [nameOf(bytes, part[1]), nameOf(bytes, part[references + 1])];
    const isElsewhere = part[references + 2]?.value === '.' && part[references + 2]?.kind === 'sign';
    if (name === null || parent === null || references < 0 || isElsewhere) continue;
    keys.push({ name, parent, sql: bytes.toString('utf8', part[0]!.start, part.at(-1)!.end) });
  }
  return keys;
}

/** One that is gone is a success. */
export async function dropKeys(session: Session, database: string, keys: readonly TornKey[]): Promise<void> {
  for (const { table, name } of keys) {
    const alter = `ALTER TABLE ${quoteName(database)}.${quoteName(table)}`;
    await session.rows(`${alter} DROP FOREIGN KEY ${quoteName(name)}`).catch((error: unknown) => {
      if (errorNumber(error) !== noSuchKey) throw error;
    });
  }
}

/** In a session that does not check foreign keys. One that is there is a success; what the server refuses is told. */
export async function makeKeys(
  session: Session,
  database: string,
  keys: readonly TornKey[],
): Promise<DatabaseWarning[]> {
  const warnings: DatabaseWarning[] = [];
  for (const key of keys) {
    try {
      await session.rows(`ALTER TABLE ${quoteName(database)}.${quoteName(key.table)} ADD ${key.sql}`);
    } catch (error) {
      const number = errorNumber(error);
      // Somebody's lock: the next try goes on here.
      if (number === undefined || lockErrors.has(number)) throw error;
      if (number !== sameName) warnings.push(keyLeftOut(key, database, (error as Error).message));
    }
  }
  return warnings;
}

export function keyLeftOut({ table, name, sql }: TornKey, database: string, why: string): DatabaseWarning {
  const what = `foreign key ${quoted(name)} of table ${quoted(table)} is left out: ${printable(why, 500)}`;
  return { code: 'key-left-out', database, message: `${what}; its text: ${printable(sql, 1000)}` };
}
