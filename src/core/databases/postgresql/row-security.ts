/**
 * Row-level security: whether it would hide rows of this database from the configured role.
 *
 * pg_dump itself fails then; looked at beforehand the refusal names the table, and nothing is dumped in vain.
 */

import { printable } from '../../printable.ts';
import type { Session } from './session.ts';

/** The reason for a refusal, or null. Tables whose policies apply to the role; owners only where forced. */
export async function hiddenRows(session: Session): Promise<string | null> {
  const rows = await session.rows(
    `SELECT n.nspname || '.' || c.relname AS name
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity
       AND (c.relforcerowsecurity OR NOT pg_has_role(c.relowner, 'USAGE'))
       AND NOT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)
     ORDER BY 1 LIMIT 6`,
  );
  if (rows.length === 0) return null;
  const names = rows.slice(0, 5).map((row) => printable(String(row['name'])));
  const more = rows.length > 5 ? ' and more' : '';
  return `row-level security may hide rows from the configured role in ${names.join(', ')}${more}`;
}
