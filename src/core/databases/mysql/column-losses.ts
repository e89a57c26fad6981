/**
 * Columns whose values the dump client cannot write exactly, found by looking at the values themselves.
 *
 * A FLOAT is printed with six digits, of which a single-precision number may need nine. Text goes through Unicode,
 * which has no place for some characters of older character sets: those become question marks. What takes too long
 * to look at is told as well, since nothing is to be lost in silence.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { quoted } from '../../printable.ts';
import { quoteName } from './names.ts';
import type { Patience } from './patience.ts';
import { errorNumber, type Row, type Session, text } from './session.ts';

/** Tables up to this size are read to see whether a FLOAT really loses digits; others count as rounded. */
const readUpToBytes = 32 * 1024 * 1024;

/** Every byte or pair of bytes that these take has a place of its own in Unicode. */
const exactCharsets = "'utf8', 'utf8mb3', 'utf8mb4', 'latin1', 'ucs2', 'utf16', 'utf16le', 'utf32', 'binary'";

interface Column {
  readonly table: string;
  readonly name: string;
  /** Null: a FLOAT. */
  readonly charset: string | null;
}

interface Table {
  readonly bytes: number;
  /** Rows that the table has replaced, where it keeps them. */
  readonly period: string;
}

export async function findColumnLosses(
  session: Session,
  database: string,
  patience: Patience,
): Promise<readonly DatabaseWarning[]> {
  const unknown = (): DatabaseWarning[] => [
    warning(database, 'float-rounded', 'FLOAT columns, if any, are exported with six digits', [], tooLong),
    warning(database, 'text-lossy', `${lossy}, if there are any`, [], tooLong),
  ];
  // Not as a join: the server would open every table of every database for it.
  const rows = await patience.rows(
    session,
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, CHARACTER_SET_NAME FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = ? AND (DATA_TYPE = 'float' OR CHARACTER_SET_NAME NOT IN (${exactCharsets}))`,
    [database],
  );
  if (rows === null) return unknown();
  const columns = ownOf(rows, database).map(([, table, name, charset]) => ({
    table: text(table),
    name: text(name),
    charset: charset === null ? null : text(charset),
  }));
  if (columns.length === 0) return [];
  const tables = await tablesOf(session, database, patience);
  if (tables === null) return unknown();
  // Of views only what their tables hold is exported.
  const stored = columns.filter(({ table }) => tables.has(table));
  return [
    ...(await findFloats(session, database, stored, { tables, patience })),
    ...(await findLossyTexts(session, database, stored, { tables, patience })),
  ];
}

const ownOf = (rows: readonly Row[], database: string): readonly Row[] =>
  rows.filter(([schema]) => text(schema) === database);

async function tablesOf(
  session: Session,
  database: string,
  patience: Patience,
): Promise<ReadonlyMap<string, Table> | null> {
  const rows = await patience.rows(
    session,
    `SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(DATA_LENGTH, 0), TABLE_TYPE FROM information_schema.TABLES
     WHERE TABLE_SCHEMA = ? AND TABLE_TYPE <> 'VIEW'`,
    [database],
  );
  if (rows === null) return null;
  return new Map(
    ownOf(rows, database).map(([, table, bytes, type]) => [
      text(table),
      {
        bytes: Number(text(bytes)),
        period: text(type) === 'SYSTEM VERSIONED' ? ' FOR SYSTEM_TIME ALL' : '',
      },
    ]),
  );
}

interface Looked {
  readonly tables: ReadonlyMap<string, Table>;
  readonly patience: Patience;
}

async function findFloats(
  session: Session,
  database: string,
  columns: readonly Column[],
  { tables, patience }: Looked,
): Promise<readonly DatabaseWarning[]> {
  const rounded: Column[] = [];
  for (const column of columns.filter(({ charset }) => charset === null)) {
    const bytes = tables.get(column.table)?.bytes ?? 0;
    if (bytes > readUpToBytes || (await losesDigits(session, database, column, patience)))
      rounded.push(column);
  }
  if (rounded.length === 0) return [];
  return [warning(database, 'float-rounded', 'FLOAT columns are exported with six digits', rounded)];
}

async function losesDigits(
  session: Session,
  database: string,
  { table, name: column }: Column,
  patience: Patience,
): Promise<boolean> {
  const [of, name] = [`${quoteName(database)}.${quoteName(table)}`, quoteName(column)];
  try {
    const limit = '/*+ MAX_EXECUTION_TIME(60000) */';
    const sql = `SELECT ${limit} 1 FROM ${of} WHERE ${name} <> CAST(CONCAT(${name}) AS FLOAT) LIMIT 1`;
    // A generated column takes as long as its expression does. What takes too long to look at counts.
    return (await patience.rows(session, sql))?.length !== 0;
  } catch (error) {
    // An old server cannot cast to FLOAT; a broken table shows in its dump.
    if (errorNumber(error) === undefined) throw error;
    return true;
  }
}

const lossy = 'characters that Unicode does not have are exported as question marks';
const tooLong = 'the server takes too long to look';

async function findLossyTexts(
  session: Session,
  database: string,
  columns: readonly Column[],
  { tables, patience }: Looked,
): Promise<readonly DatabaseWarning[]> {
  const byTable = Map.groupBy(
    columns.filter(({ charset }) => charset !== null),
    ({ table }) => table,
  );
  const lost: Column[] = [];
  const unseen: Column[] = [];
  for (const [table, texts] of byTable) {
    const from = `${quoteName(database)}.${quoteName(table)}${tables.get(table)?.period ?? ''}`;
    // One pass over the table, as large as it may be: the dump reads it as well.
    const sql = `SELECT /*+ MAX_EXECUTION_TIME(60000) */ ${texts.map(isLossy).join(', ')} FROM ${from}`;
    const [found] = (await patience.rows(session, sql).catch(brokenTable)) ?? [null];
    if (found === null) unseen.push(...texts);
    else lost.push(...texts.filter((_, at) => text(found?.[at]) === '1'));
  }
  return [
    ...(lost.length === 0 ? [] : [warning(database, 'text-lossy', lossy, lost)]),
    ...(unseen.length === 0 ? [] : [warning(database, 'text-lossy', `${lossy}, if any`, unseen, tooLong)]),
  ];
}

/** Whether any value is another one after the way through the dump's character set. */
function isLossy({ name, charset }: Column): string {
  const value = quoteName(name);
  const back = `CONVERT(CONVERT(${value} USING utf8mb4) USING ${(charset ?? '').replace(/\W/g, '')})`;
  return `MAX(CAST(${back} AS BINARY) <> CAST(${value} AS BINARY))`;
}

/** It shows in its dump. */
function brokenTable(error: unknown): [] {
  if (errorNumber(error) === undefined) throw error;
  return [];
}

const mostNamed = 20;

function warning(
  database: string,
  code: string,
  what: string,
  columns: readonly Column[],
  why = '',
): DatabaseWarning {
  const shown = columns.slice(0, mostNamed).map(({ table, name }) => quoted(`${table}.${name}`));
  const more = columns.length > shown.length ? ` and ${columns.length - shown.length} more` : '';
  const named = shown.length === 0 ? '' : `: ${shown.join(', ')}${more}`;
  return { code, database, message: `${what}${named}${why === '' ? '' : `; ${why}`}` };
}
