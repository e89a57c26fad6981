/** What a RENAME does not carry over: defaults that name a sequence's database, rights on routines. */

import { inOracleMode } from './import-objects.ts';
import { renameQualifiers } from './import-rewrite.ts';
import type { Definer } from './import-statement.ts';
import { applyEdits, tokenize } from './import-tokens.ts';
import { quoteName, quoteUser } from './names.ts';
import { type Session, text } from './session.ts';

/** Base tables and sequences: what RENAME TABLE moves. */
export async function tablesOf(session: Session, database: string): Promise<readonly string[]> {
  const rows = await session.rows(
    `SELECT TABLE_NAME, TABLE_TYPE, TABLE_SCHEMA FROM information_schema.TABLES
     WHERE TABLE_SCHEMA = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE')`,
    [database],
  );
  return rows.filter(([, , schema]) => text(schema) === database).map(([name]) => text(name));
}

/** A default such as NEXTVAL(`scratch`.`invoice`) keeps the name its sequence had before. */
export async function fixDefaults(session: Session, database: string, from: string): Promise<void> {
  if (from === database) return;
  const rows = await session.rows(
    'SELECT TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ?',
    [database],
  );
  const changes = new Map<string, string[]>();
  for (const [table, column, value] of rows) {
    const written = text(value);
    const changed = renamedDefault(written, from, database);
    if (changed === written) continue;
    const clause = `ALTER COLUMN ${quoteName(text(column))} SET DEFAULT (${changed})`;
    changes.set(text(table), [...(changes.get(text(table)) ?? []), clause]);
  }
  // All of a table at once: one that keeps a default of the old name cannot be altered.
  for (const [table, clauses] of changes) {
    await session.rows(`ALTER TABLE ${quoteName(database)}.${quoteName(table)} ${clauses.join(', ')}`);
  }
}

/** As the server prints an expression: names in backticks, texts in single quotes, which stay as they are. */
function renamedDefault(written: string, from: string, to: string): string {
  if (!written.includes(from)) return written;
  const bytes = Buffer.from(written);
  const tokens = tokenize(bytes, { noBackslashEscapes: false, ansiQuotes: false });
  return applyEdits(bytes, renameQualifiers(bytes, tokens, { verb: 'ALTER TABLE' }, from, to)).toString(
    'utf8',
  );
}

/** Dropping a routine drops what users may do with it. */
export async function routineGrants(session: Session, database: string): Promise<readonly string[]> {
  const rows = await session.rows(
    'SELECT User, Host, Routine_name, Routine_type, Proc_priv, Db FROM mysql.procs_priv WHERE Db = ?',
    [database],
  );
  return rows.flatMap(([user, host, name, type, privileges, db]) => {
    const list = text(privileges).toUpperCase().split(',');
    const rights = list.filter((right) => right === 'EXECUTE' || right === 'ALTER ROUTINE');
    if (rights.length === 0 || text(db) !== database) return [];
    const option = list.includes('GRANT') ? ' WITH GRANT OPTION' : '';
    const on = `${text(type).replace(/[^A-Z ]/gi, '')} ${quoteName(database)}.${quoteName(text(name))}`;
    return [
      `GRANT ${rights.join(', ')} ON ${on} TO ${quoteUser({ user: text(user), host: text(host) })}${option}`,
    ];
  });
}

/** @param grant as `routineGrants` gives it out */
export async function giveGrant(session: Session, grant: string): Promise<void> {
  await (/^GRANT [A-Z, ]+ ON PACKAGE /.test(grant) ? inOracleMode(session, grant) : session.rows(grant));
}

/** Gives users the rights on `to` that they have on exactly `from`, where a database comes beside another. */
export async function copyDatabaseGrants(session: Session, from: string, to: string): Promise<void> {
  // The server's other table prints users between quotes that it does not escape; this one says who they are.
  const holders = new Map<string, Definer>();
  for (const [pattern, user, host] of await session.rows('SELECT Db, User, Host FROM mysql.db')) {
    const holder = { user: text(user), host: text(host) };
    if (meant(text(pattern)) === from) holders.set(`'${holder.user}'@'${holder.host}'`, holder);
  }
  if (holders.size === 0) return;
  const rows = await session.rows('SELECT * FROM information_schema.SCHEMA_PRIVILEGES');
  for (const [grantee, , schema, privilege, grantable] of rows) {
    const holder = holders.get(text(grantee));
    if (meant(text(schema)) !== from || holder === undefined) continue;
    const option = text(grantable) === 'YES' ? ' WITH GRANT OPTION' : '';
    const name = quoteName(to.replace(/[\\_%]/g, '\\$&'));
    await session.rows(
      `GRANT ${text(privilege).replace(/[^A-Z ]/gi, '')} ON ${name}.* TO ${quoteUser(holder)}${option}`,
    );
  }
}

const meant = (pattern: string): string => pattern.replace(/\\([\\_%])/g, '$1');
