/** Which databases of a PostgreSQL server belong to an account. */

import type { DiscoveredDatabase } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import { accountNames } from '../account-names.ts';
import { isImportDatabase } from '../import/names.ts';
import { type Session, systemDatabases } from './session.ts';

/**
 * By name, ascending by code units. The account's administrator has a database by owning it or by a
 * grant of CREATE on it; CONNECT alone is what every role has. What is another account's by its name or its owner is
 * not had by a grant, which any owner may give to anybody. One that its owner has made a template counts as well.
 */
export async function discoverDatabases(
  session: Session,
  selector: DatabaseSelector,
): Promise<readonly DiscoveredDatabase[]> {
  const { admin, names } = selector;
  const { hasPrefix, isForeign, isOthers } = accountNames(selector);
  const rows = await session.rows(
    `SELECT d.datname AS name,
            o.rolname AS owner, o.rolsuper,
            EXISTS (SELECT FROM aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
                    WHERE r.rolname = $1 AND a.privilege_type = 'CREATE') AS granted
     FROM pg_database d LEFT JOIN pg_roles o ON o.oid = d.datdba WHERE d.datname <> ALL ($2)`,
    [admin, systemDatabases],
  );
  const found: Omit<DiscoveredDatabase, 'estimatedBytes'>[] = [];
  for (const row of rows) {
    const name = String(row['name']);
    if (isImportDatabase(name)) continue;
    const owned = row['owner'] === admin && !isForeign(name);
    const byOthers = row['rolsuper'] !== true && isOthers(String(row['owner']));
    const granted = row['granted'] === true && !isOthers(name) && !byOthers;
    const byAdmin = admin !== null && (owned || granted);
    const matchedBy = hasPrefix(name) ? 'prefix' : byAdmin ? 'owner' : names.includes(name) ? 'name' : null;
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
