/**
 * What the dump client cannot write exactly or an import cannot keep, looked for beforehand so that it can be told.
 *
 * A FLOAT is printed with six digits, of which a single-precision number may need nine. Values are compared
 * with what the client will print; in large tables nobody looks, and the column counts as rounded.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import { printable, quoted } from '../../printable.ts';
import { accountNames } from '../account-names.ts';
import { quoteName } from './names.ts';
import type { Patience } from './patience.ts';
import { errorNumber, type Session, text } from './session.ts';

/** Tables up to this size are read to see whether a value really loses digits. */
const readUpToBytes = 32 * 1024 * 1024;

export async function findLosses(
  session: Session,
  database: string,
  {
    selector,
    hasViews,
    patience,
  }: { readonly selector: DatabaseSelector; readonly hasViews: boolean; readonly patience: Patience },
): Promise<readonly DatabaseWarning[]> {
  return [
    ...(await findFloats(session, database, patience)),
    ...(await findDefiners(session, database, { selector, hasViews })),
  ];
}

/**
 * MariaDB's client writes generated columns, which MySQL takes from nobody: such a dump has to be mended by hand.
 */
export async function findUnloadable(
  session: Session,
  database: string,
  { clientVersion, isMariadb }: { readonly clientVersion: string; readonly isMariadb: boolean },
): Promise<readonly DatabaseWarning[]> {
  if (isMariadb || !/mariadb/i.test(clientVersion)) return [];
  const rows = await session.rows(
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = ? AND GENERATION_EXPRESSION <> ''`,
    [database],
  );
  const [first] = rows.filter(([schema]) => text(schema) === database);
  if (first === undefined) return [];
  const message = `the dump client is MariaDB's and writes generated columns, which MySQL refuses: ${quoted(`${text(first[1])}.${text(first[2])}`)}`;
  return [{ code: 'client-foreign', database, message }];
}

/** One by one the server finds them without opening every table of every database. */
const definersQueries = {
  views: `SELECT 'view', TABLE_SCHEMA, TABLE_NAME, DEFINER FROM information_schema.VIEWS
    WHERE TABLE_SCHEMA = ? AND SECURITY_TYPE = 'DEFINER'`,
  triggers: `SELECT 'trigger', TRIGGER_SCHEMA, TRIGGER_NAME, DEFINER FROM information_schema.TRIGGERS
    WHERE EVENT_OBJECT_SCHEMA = ?`,
  routines: `SELECT LOWER(ROUTINE_TYPE), ROUTINE_SCHEMA, ROUTINE_NAME, DEFINER FROM information_schema.ROUTINES
    WHERE ROUTINE_SCHEMA = ? AND SECURITY_TYPE = 'DEFINER'`,
  events: `SELECT 'event', EVENT_SCHEMA, EVENT_NAME, DEFINER FROM information_schema.EVENTS
    WHERE EVENT_SCHEMA = ?`,
} as const;

/** Objects that act as somebody who is no user of the account, as far as it can be told whose users those are. */
async function findDefiners(
  session: Session,
  database: string,
  { selector, hasViews }: { readonly selector: DatabaseSelector; readonly hasViews: boolean },
): Promise<readonly DatabaseWarning[]> {
  if ((selector.prefix ?? '') === '' && selector.admin === null) return [];
  const { isUser } = accountNames(selector);
  const { views, ...others } = definersQueries;
  const queries = [...(hasViews ? [views] : []), ...Object.values(others)];
  const rows = await session.rows(
    queries.join(' UNION ALL '),
    queries.map(() => database),
  );
  const foreign = rows
    .map(([kind, schema, name, definer]) => ({
      kind: text(kind),
      schema: text(schema),
      name: text(name),
      definer: text(definer),
    }))
    .filter(({ schema, definer }) => {
      // A host holds no @, a name may.
      const user = definer.slice(0, definer.lastIndexOf('@'));
      return schema === database && !isUser(user);
    });
  if (foreign.length === 0) return [];
  const shown = foreign.slice(0, 5).map(({ kind, name, definer }) => {
    return `${printable(kind)} ${quoted(name)} as ${quoted(definer)}`;
  });
  const more = foreign.length > shown.length ? ` and ${foreign.length - shown.length} more` : '';
  const message = `objects act as users that are not the account's: ${shown.join(', ')}${more}`;
  return [{ code: 'definer-foreign', database, message }];
}

async function findFloats(
  session: Session,
  database: string,
  patience: Patience,
): Promise<readonly DatabaseWarning[]> {
  const unknown = (): DatabaseWarning[] => {
    const message =
      'FLOAT columns, if any, are exported with six digits: the server takes too long to name them';
    return [{ code: 'float-rounded', database, message }];
  };
  // Not as a join: the server would open every table of every database for it.
  const columns = await patience.rows(
    session,
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = ? AND DATA_TYPE = 'float'`,
    [database],
  );
  if (columns === null) return unknown();
  if (columns.length === 0) return [];
  const sizes = await tableSizes(session, database, patience);
  if (sizes === null) return unknown();
  const rounded: string[] = [];
  for (const [schema, table, column] of columns) {
    const [inTable, name] = [text(table), text(column)];
    const bytes = sizes.get(inTable);
    if (text(schema) !== database || bytes === undefined) continue;
    if (bytes > readUpToBytes || (await losesDigits(session, database, inTable, name))) {
      rounded.push(quoted(`${inTable}.${name}`));
    }
  }
  if (rounded.length === 0) return [];
  const more = rounded.length > 20 ? ` and ${rounded.length - 20} more` : '';
  const message = `FLOAT columns are exported with six digits: ${rounded.slice(0, 20).join(', ')}${more}`;
  return [{ code: 'float-rounded', database, message }];
}

/** Bytes of data by the name of the table; views are none. Null: it takes too long. */
async function tableSizes(
  session: Session,
  database: string,
  patience: Patience,
): Promise<ReadonlyMap<string, number> | null> {
  const rows = await patience.rows(
    session,
    `SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(DATA_LENGTH, 0) FROM information_schema.TABLES
     WHERE TABLE_SCHEMA = ? AND TABLE_TYPE <> 'VIEW'`,
    [database],
  );
  if (rows === null) return null;
  const own = rows.filter(([schema]) => text(schema) === database);
  return new Map(own.map(([, table, bytes]) => [text(table), Number(text(bytes))]));
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
