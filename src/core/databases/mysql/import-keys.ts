/** Foreign keys that would be torn when a database, or single tables of it, are replaced. */

import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import { isImportDatabase } from '../import/names.ts';
import { errorNumber, type Row, type Session, text } from './session.ts';

/**
 * A table of another database whose key leads into `database` would lead into the kept one, which could then
 * never be dropped.
 *
 * @param tables only keys that lead to these; null: to any
 * @throws IMPORT_REFUSED there is one
 */
export async function foreignKeysFromOutside(
  session: Session,
  database: string,
  tables: readonly string[] | null,
): Promise<void> {
  for (const [schema, child, parentSchema, parent] of await keysInto(session, database)) {
    const isOurs = text(schema) === database || isImportDatabase(text(schema));
    if (isOurs || text(parentSchema) !== database) continue;
    if (tables !== null && !tables.includes(text(parent))) continue;
    const from = quoted(`${text(schema)}.${text(child)}`);
    const message = `table ${from} has a foreign key to ${quoted(`${database}.${text(parent)}`)}, which would be replaced`;
    throw new HoldfastError('IMPORT_REFUSED', message, {
      hint: 'Drop the key and make it again afterwards, or import with --beside.',
    });
  }
}

/** Of all databases: child with its database, parent with its; at least those that lead into `database`. */
export async function keysInto(session: Session, database: string): Promise<readonly Row[]> {
  // MariaDB opens every table of the server for its own view of keys, InnoDB looks into one table.
  const part = (column: string, at: number): string =>
    `CONVERT(CONVERT(CAST(SUBSTRING_INDEX(${column}, '/', ${at}) AS BINARY) USING filename) USING utf8mb4)`;
  const names = [part('FOR_NAME', 1), part('FOR_NAME', -1), part('REF_NAME', 1), part('REF_NAME', -1)];
  return await session
    .rows(`SELECT ${names.join(', ')} FROM information_schema.INNODB_SYS_FOREIGN`)
    .catch((error: unknown) => {
      // MySQL has no such table, and it takes PROCESS to read it.
      if (errorNumber(error) === undefined) throw error;
      return session.rows(
        `SELECT TABLE_SCHEMA, TABLE_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME
         FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = ?`,
        [database],
      );
    });
}

/**
 * A key follows its table when that is renamed, so one between a replaced table and another would point
 * into the kept database.
 *
 * @throws IMPORT_REFUSED there is one
 */
export async function foreignKeysAcross(
  session: Session,
  database: string,
  scratch: string,
  tables: readonly string[],
): Promise<void> {
  const rows = await session.rows(
    `SELECT TABLE_SCHEMA, TABLE_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE
     WHERE REFERENCED_TABLE_NAME IS NOT NULL
       AND (TABLE_SCHEMA IN (?, ?) OR REFERENCED_TABLE_SCHEMA IN (?, ?))`,
    [database, scratch, database, scratch],
  );
  for (const [schema, child, parent] of rows) {
    const [from, to] = [text(child), text(parent)];
    const inside = [from, to].filter((name) => tables.includes(name)).length;
    if (inside !== 1 || (text(schema) !== database && text(schema) !== scratch)) continue;
    const message = `table ${quoted(from)} has a foreign key to ${quoted(to)}, and only one of them would be replaced`;
    throw new HoldfastError('IMPORT_REFUSED', message, {
      hint: `Add --table for the other one too, or import with --beside.`,
    });
  }
}
