/**
 * Makes the objects of a database that are no tables (views, routines, triggers, events) again, in another database
 * or for another definer.
 *
 * Renaming tables does not move these. Each is made by one statement that begins with our own words, so its
 * text, whatever an account wrote, runs only when and as whom it is used.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { printable, quoted } from '../../printable.ts';
import { bytesIn, runBytes } from './import-bytes.ts';
import { withCompletion } from './import-events.ts';
import type { Definition } from './import-read.ts';
import { optionsOf, redefined } from './import-rewrite.ts';
import { quoteName, quoteText } from './names.ts';
import { errorNumber, lockErrors, type Session, text } from './session.ts';

export async function dropDefinitions(
  session: Session,
  database: string,
  definitions: readonly Pick<Definition, 'kind' | 'name'>[],
): Promise<void> {
  for (const one of [...definitions].reverse()) await drop(session, database, one);
}

/** One that is not there is a success. */
async function drop(
  session: Session,
  database: string,
  { kind, name }: Pick<Definition, 'kind' | 'name'>,
): Promise<void> {
  const sql = `DROP ${kind.toUpperCase()} IF EXISTS ${quoteName(database)}.${quoteName(name)}`;
  await (kind.startsWith('package') ? inOracleMode(session, sql) : session.rows(sql));
}

/** A name with a control character, which nobody gives. */
const nothing = 'holdfast\u0001nothing';

/**
 * Drops what is not there, of each kind that is: a kind that cannot be dropped has to show while nothing is changed, since
 * an exchange that has begun cannot end without.
 *
 * @throws IMPORT_REFUSED
 */
export async function tryDrops(
  session: Session,
  database: string,
  definitions: readonly Pick<Definition, 'kind'>[],
): Promise<void> {
  for (const kind of new Set(definitions.map((one) => one.kind))) {
    try {
      await drop(session, database, { kind, name: nothing });
    } catch (error) {
      if (errorNumber(error) === undefined) throw error;
      const why = printable((error as Error).message, 500);
      const message = `database ${quoted(database)} holds a ${printable(kind)}, and the server drops none: ${why}`;
      throw new HoldfastError('IMPORT_REFUSED', message, {
        cause: error,
        hint: 'Drop all of that kind by hand, or leave them out of the dump, then run the command again.',
      });
    }
  }
}

/** A statement about a package, which MariaDB understands in this mode only. */
export async function inOracleMode(session: Session, sql: string): Promise<void> {
  await session.rows("SET SESSION sql_mode = 'ORACLE'");
  try {
    await session.rows(sql);
  } finally {
    await session.rows("SET SESSION sql_mode = ''");
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
  return unmade.map(({ one, why }) => {
    const what = one.unopened === undefined ? 'was refused by the server and is not there' : 'is left out';
    const message = `${one.kind} ${quoted(one.name)} ${what}: ${printable(why, 1000)}`;
    return { code: 'object-not-made', database, message };
  });
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

export interface Made {
  readonly unmade: readonly Unmade[];
  /** Of what was made, and not as it was. */
  readonly warnings: readonly DatabaseWarning[];
}

/**
 * Makes the objects of `from` in `to`, whatever of them is there already. Views that need each other are
 * tried until none is left. One that fails does not stop the others.
 */
export async function makeDefinitions(
  session: Session,
  definitions: readonly Definition[],
  { from, to }: { readonly from: string; readonly to: string },
): Promise<Made> {
  await session.rows(`USE ${quoteName(to)}`);
  const unopened = definitions.flatMap((one) =>
    one.unopened === undefined ? [] : [unopenedView(one, one.unopened)],
  );
  let waiting = definitions.filter((one) => one.unopened === undefined);
  let failed: Unmade[] = [];
  const warnings: DatabaseWarning[] = [];
  while (waiting.length > 0) {
    failed = [];
    for (const one of waiting) {
      try {
        warnings.push(...(await make(session, one, { from, to })));
      } catch (error) {
        const number = errorNumber(error);
        const refused = isHoldfastError(error) && error.code === 'IMPORT_REFUSED';
        if (number === undefined && !refused) throw error;
        failed.push({ one, why: (error as Error).message, locked: lockErrors.has(number) });
      }
    }
    if (failed.length === waiting.length) break;
    waiting = failed.map(({ one }) => one);
  }
  warnings.push(...(await keepPassed(session, definitions, failed, { from, to })));
  await session.rows("SET SESSION sql_mode = '', time_zone = @@global.time_zone");
  await session.rows('SET NAMES utf8mb4');
  return { unmade: [...failed.filter(({ one }) => one.works || one.kind !== 'view'), ...unopened], warnings };
}

const unopenedView = (one: Definition, why: string): Unmade => ({
  one,
  why: `${why}; its text: ${one.sql}`,
  locked: false,
});

/** The server drops an event whose time is over as soon as it is made, unless it is to stay. */
async function keepPassed(
  session: Session,
  definitions: readonly Definition[],
  failed: readonly Unmade[],
  { from, to }: { readonly from: string; readonly to: string },
): Promise<DatabaseWarning[]> {
  const made = definitions.filter(
    (one) => one.kind === 'event' && !failed.some((other) => other.one === one),
  );
  if (made.length === 0) return [];
  const rows = await session.rows(
    'SELECT EVENT_NAME, EVENT_SCHEMA FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?',
    [to],
  );
  const present = new Set(rows.filter(([, schema]) => text(schema) === to).map(([name]) => text(name)));
  const warnings: DatabaseWarning[] = [];
  for (const one of made.filter(({ name }) => !present.has(name))) {
    await make(
      session,
      { ...one, sql: withCompletion(one, optionsOf(one), true), works: false },
      { from, to },
    );
    const message = `the time of event ${quoted(one.name)} is over: it is kept, disabled and ON COMPLETION PRESERVE`;
    warnings.push({ code: 'event-over', database: to, message });
  }
  return warnings;
}

/** @throws IMPORT_REFUSED it is written so that a change of it could make something else */
export function statementOf(one: Definition, from: string, to: string): string {
  const { kind, name, definer } = one;
  const options = optionsOf(one);
  // Never by ALTER EVENT, which would make the event ours.
  const enable = kind === 'event' && one.works;
  return redefined(one.sql, { kind, name, from, to, definer, enable, options });
}

async function make(
  session: Session,
  one: Definition,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<DatabaseWarning[]> {
  const sql = statementOf(one, from, to);
  await drop(session, to, one);
  const { client, collation, sqlMode } = one;
  const timeZone = one.timeZone ?? 'SYSTEM';
  // What our own character set and the other one write alike needs no more.
  const same = /^utf8/.test(client) || Buffer.byteLength(sql) === sql.length;
  const bytes = same ? null : await bytesIn(session, sql, client);
  if (bytes !== null) {
    await runBytes(session, bytes, { database: to, client, collation, sqlMode, timeZone });
    return [];
  }
  await session.rows(`SET NAMES ${quoteText(same && client !== '' ? client : 'utf8mb4')}`);
  if (same && collation !== '') await session.rows(`SET collation_connection = ${quoteText(collation)}`);
  await session.rows('SET SESSION sql_mode = ?, time_zone = ?', [sqlMode, timeZone]);
  await session.rows(sql);
  if (same) return [];
  const message = `${one.kind} ${quoted(one.name)} was written in ${printable(client)}, which does not have all its characters: it is made in utf8mb4, and texts in it may compare and hash otherwise`;
  return [{ code: 'charset-changed', database: to, message }];
}
