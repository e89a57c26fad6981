/**
 * The importer: a user for the time of one import, whose rights end at the scratch database. It may read
 * the account's other databases, since views of one may show tables of another; it may write nowhere else.
 */

import type { DatabaseSelector } from '../../contracts/panel.ts';
import { HoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { matchDatabases } from './discover.ts';
import { quoteName, quoteText, quoteUser } from './names.ts';
import { errorNumber, type Session, text } from './session.ts';

const privileges = [
  'SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES',
  'LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER',
].join(', ');

/** @throws IMPORT_FAILED the configured user may not make users or hand on these rights */
export async function createImporter(
  session: Session,
  request: {
    readonly user: string;
    readonly password: string;
    readonly scratch: string;
    readonly selector: DatabaseSelector;
  },
): Promise<void> {
  const who = await fullName(session, request.user);
  try {
    await session.rows(`CREATE USER ${who} IDENTIFIED BY ${quoteText(request.password)}`);
    await session.rows(`GRANT ${privileges} ON ${onAll(request.scratch)} TO ${who}`);
    // MariaDB only: rows of system-versioned tables.
    await session
      .rows(`GRANT DELETE HISTORY ON ${onAll(request.scratch)} TO ${who}`)
      .catch(ignoreServerError);
    for (const { name } of await matchDatabases(session, request.selector)) {
      await session.rows(`GRANT SELECT, SHOW VIEW ON ${onAll(name)} TO ${who}`);
    }
  } catch (cause) {
    if (errorNumber(cause) === undefined) throw cause;
    const why = printable((cause as Error).message.replaceAll(request.password, '***'));
    throw new HoldfastError('IMPORT_FAILED', `the user that loads the dump cannot be made: ${why}`, {
      hint: 'Give the configured user CREATE USER and GRANT OPTION, or configure an administrator.',
    });
  }
}

/** One that is gone is a success. */
export async function dropImporter(session: Session, user: string): Promise<void> {
  const rows = await session.rows('SELECT User, Host FROM mysql.user WHERE User = ?', [user]);
  for (const [name, host] of rows) {
    if (text(name) !== user) continue;
    await endSessions(session, user);
    await session.rows(`DROP USER IF EXISTS ${quoteUser({ user, host: text(host) })}`);
  }
}

/** A client that outlived a killed import would go on writing. */
async function endSessions(session: Session, user: string): Promise<void> {
  const rows = await session.rows('SELECT ID, USER FROM information_schema.PROCESSLIST WHERE USER = ?', [
    user,
  ]);
  for (const [id] of rows) await session.rows(`KILL CONNECTION ${Number(id)}`).catch(ignoreServerError);
}

/** As the server sees connections of this machine: from where ours comes. */
async function fullName(session: Session, user: string): Promise<string> {
  const [row] = await session.rows('SELECT USER()');
  const host = text(row?.[0]).slice(text(row?.[0]).lastIndexOf('@') + 1);
  return quoteUser({ user, host });
}

/** A grant's database is a pattern: every `_` and `%` is meant as it stands. */
function onAll(database: string): string {
  return `${quoteName(database.replace(/[\\_%]/g, '\\$&'))}.*`;
}

export function ignoreServerError(error: unknown): void {
  if (errorNumber(error) === undefined) throw error;
}
