/** What a RENAME does not carry over: defaults that name a sequence's database, rights on routines. */

import { quoteName, quoteText } from './names.ts';
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
  const mark = `${quoteName(from)}.`;
  const rows = await session.rows(
    'SELECT TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ?',
    [database],
  );
  for (const [table, column, value] of rows) {
    const written = text(value);
    if (!/^(nextval|lastval)\(/i.test(written) || !written.includes(mark)) continue;
    const changed = written.replaceAll(mark, `${quoteName(database)}.`);
    await session.rows(
      `ALTER TABLE ${quoteName(database)}.${quoteName(text(table))} ALTER COLUMN ${quoteName(text(column))} SET DEFAULT (${changed})`,
    );
  }
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
      `GRANT ${rights.join(', ')} ON ${on} TO ${quoteText(text(user))}@${quoteText(text(host))}${option}`,
    ];
  });
}

/** Gives users the rights on `to` that they have on exactly `from`, where a database comes beside another. */
export async function copyDatabaseGrants(session: Session, from: string, to: string): Promise<void> {
  const rows = await session.rows('SELECT * FROM information_schema.SCHEMA_PRIVILEGES');
  for (const [grantee, , schema, privilege, grantable] of rows) {
    const pattern = text(schema).replace(/\\([\\_%])/g, '$1');
    if (pattern !== from) continue;
    const option = text(grantable) === 'YES' ? ' WITH GRANT OPTION' : '';
    const name = quoteName(to.replace(/[\\_%]/g, '\\$&'));
    await session.rows(
      `GRANT ${text(privilege).replace(/[^A-Z ]/gi, '')} ON ${name}.* TO ${text(grantee)}${option}`,
    );
  }
}
