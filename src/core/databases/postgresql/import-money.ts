/**
 * Amounts of the type `money` in dumps that were not made by us, or by an earlier version: they may be written for another
 * country than `lc_monetary=C`, by which they are read, and nothing in the dump says so.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { printable, quoted } from '../../printable.ts';
import type { Session } from './session.ts';

/** Writes amounts as C does. */
const alike = /^(C|POSIX|en_US)(\.|$)/;

/** What clients of the database get where they ask for nothing; null where it writes amounts as C does. Asked as administrator. */
export async function foreignMoney(session: Session, database: string): Promise<string | null> {
  const [row] = await session.rows(
    `SELECT coalesce(
       (SELECT substr(c, strpos(c, '=') + 1) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, LATERAL unnest(s.setconfig) c
        WHERE d.datname = $1 AND s.setrole = 0 AND c LIKE 'lc\\_monetary=%'),
       (SELECT setting FROM pg_file_settings WHERE name = 'lc_monetary' AND applied ORDER BY seqno DESC LIMIT 1), 'C') AS locale`,
    [database],
  );
  const locale = String(row?.['locale']);
  return alike.test(locale) ? null : locale;
}

/** Where a loaded database has such amounts. In that database. */
export async function moneyWarning(
  session: Session,
  { locale, database }: { readonly locale: string; readonly database: string },
): Promise<readonly DatabaseWarning[]> {
  const rows = await session.rows(
    `SELECT DISTINCT c.oid::regclass::text AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE a.atttypid IN ('money'::regtype, 'money[]'::regtype) AND c.relkind IN ('r', 'p') AND NOT a.attisdropped ORDER BY 1 LIMIT 20`,
  );
  if (rows.length === 0) return [];
  const tables = rows.map(({ name }) => printable(String(name), 200)).join(', ');
  const message = `amounts of the type money are right only where the dump was made with lc_monetary=C, as Holdfast makes them now; the server here has ${quoted(locale)}: compare ${tables}`;
  return [{ code: 'money-unsure', database, message }];
}
