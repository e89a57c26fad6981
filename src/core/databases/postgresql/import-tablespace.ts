/** Where new tables and indexes of a dump go. */

import type { ImportSession } from './import-session.ts';
import { quoteText } from './names.ts';

/**
 * As `SET default_tablespace` of the dump says, or where the database is if the account may make nothing there.
 *
 * @returns whether it may
 */
export async function useTablespace(session: ImportSession, name: string): Promise<boolean> {
  const [row] = await session.rows(
    `SELECT pg_catalog.bool_or(pg_catalog.has_tablespace_privilege(oid, 'CREATE')) AS may FROM pg_catalog.pg_tablespace WHERE spcname = $1`,
    [name],
  );
  const may = name === '' || row?.['may'] === true;
  await session.run(`SET default_tablespace = ${quoteText(may ? name : '')}`);
  return may;
}
