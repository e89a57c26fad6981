/**
 * What the dump client cannot write exactly, looked for beforehand so that it can be told.
 *
 * A FLOAT is printed with six digits, of which a single-precision number may need nine. Values are compared
 * with what the client will print; in large tables nobody looks, and the column counts as rounded.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { quoted } from '../../printable.ts';
import { quoteName } from './names.ts';
import { errorNumber, type Session, text } from './session.ts';

/** Tables up to this size are read to see whether a value really loses digits. */
const readUpToBytes = 32 * 1024 * 1024;

export async function findLosses(session: Session, database: string): Promise<readonly DatabaseWarning[]> {
  const rows = await session.rows(
    `SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, COALESCE(t.DATA_LENGTH, 0)
     FROM information_schema.COLUMNS c JOIN information_schema.TABLES t
       ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
     WHERE c.TABLE_SCHEMA = ? AND t.TABLE_SCHEMA = ? AND c.DATA_TYPE = 'float' AND t.TABLE_TYPE <> 'VIEW'`,
    [database, database],
  );
  const rounded: string[] = [];
  for (const [schema, table, column, bytes] of rows) {
    if (text(schema) !== database) continue;
    const [inTable, name] = [text(table), text(column)];
    if (Number(text(bytes)) > readUpToBytes || (await losesDigits(session, database, inTable, name))) {
      rounded.push(quoted(`${inTable}.${name}`));
    }
  }
  if (rounded.length === 0) return [];
  const more = rounded.length > 20 ? ` and ${rounded.length - 20} more` : '';
  const message = `FLOAT columns are exported with six digits: ${rounded.slice(0, 20).join(', ')}${more}`;
  return [{ code: 'float-rounded', database, message }];
}

async function losesDigits(
  session: Session,
  database: string,
  table: string,
  column: string,
): Promise<boolean> {
  const [of, name] = [`${quoteName(database)}.${quoteName(table)}`, quoteName(column)];
  try {
    const sql = `SELECT 1 FROM ${of} WHERE ${name} <> CAST(CONCAT(${name}) AS FLOAT) LIMIT 1`;
    return (await session.rows(sql)).length > 0;
  } catch (error) {
    // An old server cannot cast to FLOAT; a broken table shows in its dump.
    if (errorNumber(error) === undefined) throw error;
    return true;
  }
}
