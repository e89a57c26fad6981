/** Which databases of a PostgreSQL server belong to an account. */

import type { DiscoveredDatabase } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import { accountNames } from '../account-names.ts';
import { isImportDatabase } from '../import/names.ts';
import { maintenanceDatabase, type Session } from './session.ts';

/**
 * By name, ascending by code units. The account's administrator has a database by owning it or by a
 * grant of CREATE on it; CONNECT alone is what every role has.
 */
export async function discoverDatabases(
  session: Session,
  selector: DatabaseSelector,
): Promise<readonly DiscoveredDatabase[]> {
  const { admin, names } = selector;
  const { hasPrefix, isForeign } = accountNames(selector);
  const rows = await session.rows(
    `SELECT d.datname AS name,
            pg_get_userbyid(d.datdba) AS owner,
            EXISTS (SELECT FROM aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
                    WHERE r.rolname = $1 AND a.privilege_type = 'CREATE') AS granted
     FROM pg_database d WHERE NOT d.datistemplate`,
    [admin],
  );
  const found: Omit<DiscoveredDatabase, 'estimatedBytes'>[] = [];
  for (const row of rows) {
    const name = String(row['name']);
    if (name === maintenanceDatabase || isImportDatabase(name)) continue;
    const byPrefix = hasPrefix(name);
    const byAdmin = admin !== null && !isForeign(name) && (row['owner'] === admin || row['granted'] === true);
    const matchedBy = byPrefix ? 'prefix' : byAdmin ? 'owner' : names.includes(name) ? 'name' : null;
    if (matchedBy !== null) found.push({ name, matchedBy });
  }
  const sizes = await estimateSizes(
    session,
    found.map(({ name }) => name),
  );
  return found
    .map((one) => ({ ...one, estimatedBytes: sizes.get(one.name) ?? 0 }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Of these only: the server looks at every file of a database for it. */
async function estimateSizes(
  session: Session,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (names.length === 0) return new Map();
  const rows = await session.rows(
    `SELECT d.datname AS name, pg_database_size(d.oid) AS bytes
     FROM pg_database d WHERE d.datname = ANY ($1) AND has_database_privilege(d.oid, 'CONNECT')`,
    [names],
  );
  return new Map(rows.map((row) => [String(row['name']), Number(row['bytes'])]));
}
