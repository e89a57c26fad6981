/**
 * Reads the objects of a database that are no tables (views, routines, triggers, events) as the server itself
 * writes them.
 *
 * Views that cannot be opened, or take too long, are refused in what is to be imported; of what is replaced they are
 * only noted, or whoever has made some could keep the whole database from being replaced.
 */

import { printable, quoted } from '../../printable.ts';
import { refused } from './import-framing.ts';
import type { Definer } from './import-statement.ts';
import { viewBody } from './inspect.ts';
import { quoteName } from './names.ts';
import { limited, longestOpening, Patience } from './patience.ts';
import { errorNumber, type Row, type Session, text } from './session.ts';

type ObjectKind = 'procedure' | 'function' | 'package' | 'package body' | 'view' | 'trigger' | 'event';

/** Plain JSON. */
export interface Definition {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly sql: string;
  readonly sqlMode: string;
  readonly client: string;
  readonly collation: string;
  readonly timeZone: string | null;
  /** Null: as `sql` says. */
  readonly definer: Definer | null;
  /** Events: whether it is to run. Views: false where it cannot be used as it stands. */
  readonly works: boolean;
  /** Of a view that the server could not open: why. It is not made again. */
  readonly unopened?: string;
}

/** What becomes of a view that cannot be opened. */
export type UnopenedViews = 'refused' | 'noted';

/** In the order in which they can be made again. With `tables`, only triggers of these. */
export async function readDefinitions(
  session: Session,
  database: string,
  tables: readonly string[] | null,
  unopened: UnopenedViews,
): Promise<readonly Definition[]> {
  // In its own database the server shows a view's tables without a qualifier.
  await session.rows(`USE ${quoteName(database)}`);
  const triggers = await readTriggers(session, database, tables);
  if (tables !== null) return triggers;
  return [
    ...(await readRoutines(session, database)),
    ...(await readViews(session, database, unopened)),
    ...triggers,
    ...(await readEvents(session, database)),
  ];
}

async function readRoutines(session: Session, database: string): Promise<Definition[]> {
  const rows = await session.rows(
    'SELECT ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_SCHEMA FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? ORDER BY ROUTINE_TYPE, ROUTINE_NAME',
    [database],
  );
  const found: Definition[] = [];
  for (const [name, type] of rows) {
    found.push(await readRoutine(session, text(type).toLowerCase() as ObjectKind, text(name)));
  }
  return found;
}

/** One of the database in use. */
export async function readRoutine(session: Session, kind: ObjectKind, name: string): Promise<Definition> {
  const [row] = await session.rows(`SHOW CREATE ${kind.toUpperCase()} ${quoteName(name)}`);
  return definition(kind, name, row, [2, 1, 3, 4]);
}

async function readTriggers(
  session: Session,
  database: string,
  tables: readonly string[] | null,
): Promise<Definition[]> {
  const rows = await session.rows(
    `SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?
     ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER`,
    [database],
  );
  const found: Definition[] = [];
  for (const [name, table] of rows) {
    if (tables !== null && !tables.includes(text(table))) continue;
    const [row] = await session.rows(`SHOW CREATE TRIGGER ${quoteName(text(name))}`);
    found.push(definition('trigger', text(name), row, [2, 1, 3, 4]));
  }
  return found;
}

async function readEvents(session: Session, database: string): Promise<Definition[]> {
  const rows = await session.rows(
    'SELECT EVENT_NAME, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? ORDER BY EVENT_NAME',
    [database],
  );
  const found: Definition[] = [];
  for (const [name, status] of rows) {
    const [row] = await session.rows(`SHOW CREATE EVENT ${quoteName(text(name))}`);
    const one = definition('event', text(name), row, [3, 1, 4, 5]);
    found.push({ ...one, timeZone: text(row?.[2]), works: text(status) === 'ENABLED' });
  }
  return found;
}

async function readViews(session: Session, database: string, unopened: UnopenedViews): Promise<Definition[]> {
  const rows = await session.rows(
    'SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME',
    [database],
  );
  const ask = unopened === 'refused' ? askLong : askShortly();
  const found: Definition[] = [];
  for (const [cell] of rows) {
    const name = text(cell);
    let row: Row | undefined;
    let why = 'it took the server too long, or too much memory, to open';
    try {
      row = (await ask(session, `SHOW CREATE VIEW ${quoteName(name)}`))?.[0];
    } catch (error) {
      if (errorNumber(error) === undefined) throw error;
      why = (error as Error).message;
    }
    if (row === undefined) {
      if (unopened === 'refused')
        throw refused(`view ${quoted(name)} cannot be opened: ${printable(why, 500)}`);
      found.push(await unopenedView(session, database, name, why));
      continue;
    }
    const works = await ask(session, `SHOW FIELDS FROM ${quoteName(name)}`).then(
      (fields) => fields !== null,
      () => false,
    );
    found.push({ ...definition('view', name, row, [1, -1, 2, 3]), works });
  }
  return found;
}

type Ask = (session: Session, sql: string) => Promise<readonly Row[] | null>;

const askLong: Ask = (session, sql) => limited(session, longestOpening, sql);

/** As an export does, and no longer for all views together. */
function askShortly(): Ask {
  const patience = new Patience({ eachSeconds: 5, allMs: 60_000, now: () => performance.now() });
  return (session, sql) => patience.rows(session, sql);
}

/** Its text is kept all the same. */
async function unopenedView(
  session: Session,
  database: string,
  name: string,
  why: string,
): Promise<Definition> {
  const sql = await viewBody(session, database, name);
  return { ...definition('view', name, undefined, []), sql, works: false, unopened: why };
}

function definition(
  kind: ObjectKind,
  name: string,
  row: Row | undefined,
  columns: readonly number[],
): Definition {
  const [sql = 0, mode = 0, client = 0, collation = 0] = columns.map((column) => text(row?.[column]));
  return {
    kind,
    name,
    sql: String(sql),
    sqlMode: String(mode),
    client: String(client),
    collation: String(collation),
    timeZone: null,
    definer: null,
    works: true,
  };
}
