/**
 * Whether tables and rows in the scratch database are those of the dump. Asked as whoever loaded them: the server evaluates
 * what they wrote into their indexes already when it plans a count.
 */

import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import type { ImportedTable } from '../import/types.ts';
import type { ImportSession } from './import-session.ts';
import { quoteName } from './names.ts';

/** @throws IMPORT_FAILED tables or rows are not those of the dump; PATH_NOT_FOUND a wanted one is not in it */
export async function checkLoaded(
  session: ImportSession,
  tables: ReadonlyMap<string, number>,
  {
    wanted,
    sessionOf,
  }: {
    readonly wanted: readonly string[] | null;
    readonly sessionOf: (table: string) => Promise<ImportSession>;
  },
): Promise<readonly ImportedTable[]> {
  for (const name of wanted ?? []) {
    const found = [...tables.keys()].some((table) => table === name || table.endsWith(`.${name}`));
    if (found) continue;
    throw new HoldfastError('PATH_NOT_FOUND', `the dump has no table ${quoted(name)}`, {
      hint: 'Name tables as the dump does, alone or as schema.table.',
    });
  }
  const rows = await session.rows(
    `SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')`,
  );
  const found = new Map(rows.map((row) => [`${row['schema']}.${row['name']}`, row]));
  const strange = [...found.keys()].find((name) => !tables.has(name));
  if (strange !== undefined) throw failed(`table ${quoted(strange)} is there and not in the dump`);
  const counted: ImportedTable[] = [];
  for (const [name, expected] of tables) {
    const row = found.get(name);
    if (row === undefined) throw failed(`table ${quoted(name)} of the dump did not arrive`);
    if (row['kind'] === 'f') continue;
    const path = `${quoteName(String(row['schema']))}.${quoteName(String(row['name']))}`;
    // A partitioned table has no rows but those of its parts, which are counted by themselves.
    const only = row['kind'] === 'p' && expected > 0 ? '' : 'ONLY ';
    const owner = await sessionOf(name);
    const [count] = await owner.rows(`SELECT pg_catalog.count(*) AS count FROM ${only}${path}`);
    const arrived = Number(count?.['count']);
    if (arrived !== expected) {
      throw failed(`table ${quoted(name)} has ${arrived} rows and not the ${expected} of the dump`);
    }
    counted.push({ name, rows: arrived });
  }
  return counted;
}

const failed = (why: string): HoldfastError =>
  new HoldfastError('IMPORT_FAILED', `what was loaded is not what the dump holds: ${why}`, {
    hint: 'Import another dump; the live database is as it was.',
  });
