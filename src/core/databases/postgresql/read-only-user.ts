/**
 * The role that is enough for exports: it reads every row of every database and the hashes of passwords, and
 * changes nothing.
 *
 * Large objects belong to their owners alone, whatever else a role may read; the setting that lifts this for
 * one role can be given by a superuser only. A grant on pg_authid counts in the database in which it is
 * given: the maintenance database, where passwords are read.
 */

import type { ReadOnlyUserRequest } from '../../contracts/database.ts';
import { quoteName, quoteText } from './names.ts';
import { type Session, sqlState } from './session.ts';

/** The statements, without the password, for the maintenance database; run where `apply` is given. */
export async function readOnlyUser(
  session: Session,
  { user, apply }: Omit<ReadOnlyUserRequest, 'signal' | 'host'>,
): Promise<readonly string[]> {
  const role = quoteName(user);
  const closed = await session.rows(
    `SELECT datname FROM pg_database d WHERE datname NOT IN ('template0', 'template1') AND datallowconn
       AND NOT EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) a
                       WHERE a.grantee = 0 AND a.privilege_type = 'CONNECT') ORDER BY 1`,
  );
  const [there] = await session.rows('SELECT FROM pg_roles WHERE rolname = $1', [user]);
  const statements = [
    `${there === undefined ? 'CREATE' : 'ALTER'} ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS PASSWORD 'PASSWORD'`,
    `GRANT pg_read_all_data TO ${role}`,
    `GRANT SELECT ON pg_catalog.pg_authid TO ${role}`,
    `ALTER ROLE ${role} SET lo_compat_privileges = on`,
    ...closed.map((row) => `GRANT CONNECT ON DATABASE ${quoteName(String(row['datname']))} TO ${role}`),
  ];
  if (apply === null) return statements;
  for (const statement of statements) {
    try {
      await session.rows(statement.replace(/'PASSWORD'$/, () => quoteText(apply.password)));
    } catch (error) {
      if (sqlState(error) === undefined) throw error;
      throw new Error((error as Error).message.replaceAll(apply.password, '***'));
    }
  }
  return statements;
}
