/**
 * Makes an object in the character set that it was written in: its literals are of that set, so that the same words in
 * another would be other values.
 */

import { quoteName, quoteText } from './names.ts';
import { type Session, text } from './session.ts';

/** How the server is to read a statement. */
export interface Reading {
  readonly database: string;
  readonly client: string;
  /** Empty: that of the character set. */
  readonly collation: string;
  readonly sqlMode: string;
  readonly timeZone: string;
}

/** Null: not every character of it is in that set. */
export async function bytesIn(session: Session, sql: string, charset: string): Promise<Buffer | null> {
  if (!/^\w+$/.test(charset)) return null;
  // Values are escaped for the usual mode.
  await session.rows("SET SESSION sql_mode = ''");
  await session.rows('SET NAMES utf8mb4');
  const [row] = await session.rows(
    `SELECT CAST(CONVERT(? USING ${charset}) AS BINARY), CAST(CONVERT(CONVERT(? USING ${charset}) USING utf8mb4) AS BINARY)`,
    [sql, sql],
  );
  const [bytes, back] = [row?.[0], row?.[1]];
  return bytes instanceof Buffer && text(back) === sql ? bytes : null;
}

/** Waits for locks as long as `session` does. */
export async function runBytes(session: Session, statement: Buffer, reading: Reading): Promise<void> {
  const [limits] = await session.rows('SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout');
  const [table, row] = [Number(text(limits?.[0])), Number(text(limits?.[1]))];
  const bytes = await session.bytes();
  const raw = (sql: string): string => Buffer.from(sql).toString('latin1');
  await bytes.rows("SET SESSION sql_mode = '', character_set_client = utf8mb4");
  await bytes.rows(`SET SESSION lock_wait_timeout = ${table}, innodb_lock_wait_timeout = ${row}`);
  await bytes.rows(raw(`USE ${quoteName(reading.database)}`));
  await bytes.rows(`SET NAMES ${quoteText(reading.client)}`);
  if (reading.collation !== '')
    await bytes.rows(`SET collation_connection = ${quoteText(reading.collation)}`);
  const { sqlMode, timeZone } = reading;
  await bytes.rows('SET SESSION character_set_results = utf8mb4, sql_mode = ?, time_zone = ?', [
    sqlMode,
    timeZone,
  ]);
  await bytes.rows(statement.toString('latin1'));
}
