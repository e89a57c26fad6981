/**
 * Reads the objects of a database that are no tables (views, routines, triggers, events) as the server
 * itself writes them, and makes them again in another database or for another definer.
 *
 * Renaming tables does not move these. Each is made by one statement that begins with our own words, so its
 * text, whatever an account wrote, runs only when and as whom it is used.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { isHoldfastError } from '../../errors.ts';
import { printable, quoted } from '../../printable.ts';
import { refused } from './import-framing.ts';
import { redefined } from './import-rewrite.ts';
import type { Definer } from './import-statement.ts';
import type { TokenOptions } from './import-tokens.ts';
import { quoteName, quoteText } from './names.ts';
import { limited } from './patience.ts';
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
}

/** In the order in which they can be made again. With `tables`, only triggers of these. */
export async function readDefinitions(
  session: Session,
  database: string,
  tables: readonly string[] | null,
): Promise<readonly Definition[]> {
  // In its own database the server shows a view's tables without a qualifier.
  await session.rows(`USE ${quoteName(database)}`);
  const triggers = await readTriggers(session, database, tables);
  if (tables !== null) return triggers;
  return [
    ...(await readRoutines(session, database)),
    ...(await readViews(session, database)),
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
    const [row] = await session.rows(`SHOW CREATE ${text(type)} ${quoteName(text(name))}`);
    found.push(definition(text(type).toLowerCase() as ObjectKind, text(name), row, [2, 1, 3, 4]));
  }
  return found;
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

async function readViews(session: Session, database: string): Promise<Definition[]> {
  const rows = await session.rows(
    'SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME',
    [database],
  );
  const found: Definition[] = [];
  for (const [cell] of rows) {
    const name = text(cell);
    const opened = await limited(session, longestOpening, `SHOW CREATE VIEW ${quoteName(name)}`).catch(
      () => [],
    );
    if (opened === null) throw refused(`view ${quoted(name)} takes too long, or too much memory, to open`);
    const [row] = opened;
    if (row === undefined) continue;
    const works = await limited(session, longestOpening, `SHOW FIELDS FROM ${quoteName(name)}`).then(
      (fields) => fields !== null,
      () => false,
    );
    found.push({ ...definition('view', name, row, [1, -1, 2, 3]), works });
  }
  return found;
}

/** Seconds for a view; those that name each other many times could take hours, and all memory. */
const longestOpening = 60;

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

export async function dropDefinitions(
  session: Session,
  database: string,
  definitions: readonly Pick<Definition, 'kind' | 'name'>[],
): Promise<void> {
  for (const { kind, name } of [...definitions].reverse()) {
    await session.rows(`DROP ${kind.toUpperCase()} IF EXISTS ${quoteName(database)}.${quoteName(name)}`);
  }
}

/** One that was there, worked, and could not be made. */
export interface Unmade {
  readonly one: Definition;
  readonly why: string;
  /** Somebody held a lock: it may go well another time. */
  readonly locked: boolean;
}

/** Warnings of what was left out. */
export function unmadeWarnings(unmade: readonly Unmade[], database: string): DatabaseWarning[] {
  return unmade.map(({ one, why }) => ({
    code: 'object-not-made',
    database,
    message: `${one.kind} ${quoted(one.name)} was refused by the server and is not there: ${printable(why, 500)}`,
  }));
}

/** Which objects there are, as `kind name`; of views also broken ones. */
export async function presentObjects(session: Session, database: string): Promise<ReadonlySet<string>> {
  const rows = await session.rows(
    `SELECT LOWER(ROUTINE_TYPE), ROUTINE_NAME, ROUTINE_SCHEMA FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?
     UNION ALL SELECT 'view', TABLE_NAME, TABLE_SCHEMA FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'VIEW'
     UNION ALL SELECT 'trigger', TRIGGER_NAME, TRIGGER_SCHEMA FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?
     UNION ALL SELECT 'event', EVENT_NAME, EVENT_SCHEMA FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?`,
    [database, database, database, database],
  );
  const own = rows.filter(([, , schema]) => text(schema) === database);
  return new Set(own.map(([kind, name]) => `${text(kind)} ${text(name)}`));
}

/**
 * Makes the objects of `from` in `to`, whatever of them is there already. Views that need each other are
 * tried until none is left. One that fails does not stop the others.
 */
export async function makeDefinitions(
  session: Session,
  definitions: readonly Definition[],
  { from, to }: { readonly from: string; readonly to: string },
): Promise<readonly Unmade[]> {
  await session.rows(`USE ${quoteName(to)}`);
  let waiting = definitions;
  let failed: Unmade[] = [];
  while (waiting.length > 0) {
    failed = [];
    for (const one of waiting) {
      try {
        await make(session, one, { from, to });
      } catch (error) {
        const number = errorNumber(error);
        const refused = isHoldfastError(error) && error.code === 'IMPORT_REFUSED';
        if (number === undefined && !refused) throw error;
        failed.push({ one, why: (error as Error).message, locked: number === 1205 || number === 1213 });
      }
    }
    if (failed.length === waiting.length) break;
    waiting = failed.map(({ one }) => one);
  }
  await session.rows("SET SESSION sql_mode = '', time_zone = @@global.time_zone");
  await session.rows('SET NAMES utf8mb4');
  return failed.filter(({ one }) => one.works || one.kind !== 'view');
}

/** @throws IMPORT_REFUSED it is written so that a change of it could make something else */
export function statementOf(one: Definition, from: string, to: string): string {
  const { kind, name, definer } = one;
  const options: TokenOptions = {
    noBackslashEscapes: one.sqlMode.includes('NO_BACKSLASH_ESCAPES'),
    ansiQuotes: one.sqlMode.includes('ANSI_QUOTES'),
  };
  // Never by ALTER EVENT, which would make the event ours.
  const enable = kind === 'event' && one.works;
  return redefined(one.sql, { kind, name, from, to, definer, enable, options });
}

async function make(
  session: Session,
  one: Definition,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const sql = statementOf(one, from, to);
  const name = `${quoteName(to)}.${quoteName(one.name)}`;
  await session.rows(`DROP ${one.kind.toUpperCase()} IF EXISTS ${name}`);
  // The text arrives in our own character set; the other one is kept where both read it alike.
  const same = /^utf8/.test(one.client) || Buffer.byteLength(sql) === sql.length;
  const client = same && one.client !== '' ? one.client : 'utf8mb4';
  await session.rows(`SET NAMES ${quoteText(client)}`);
  if (same && one.collation !== '')
    await session.rows(`SET collation_connection = ${quoteText(one.collation)}`);
  await session.rows('SET SESSION sql_mode = ?, time_zone = ?', [one.sqlMode, one.timeZone ?? 'SYSTEM']);
  await session.rows(sql);
}
