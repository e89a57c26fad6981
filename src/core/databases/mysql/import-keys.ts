/** Foreign keys that would be torn when single tables are replaced. */

import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import { type Session, text } from './session.ts';

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
