/**
 * The account's roles, their memberships and settings, and who may do what with the database itself,
 * as SQL that can be replayed. Grants on objects inside the database are in its dump.
 *
 * A role is the account's by literal prefix, as its administrator, or by owning the database; never
 * a superuser or one of the server's own. Statements that name other roles run only where those exist.
 */

import type { BesideText, DatabaseWarning } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import { printable, quoted } from '../../printable.ts';
import { accountNames } from '../account-names.ts';
import { quoteName, quoteText } from './names.ts';
import { type Row, type Session, sqlState } from './session.ts';

export interface Grants {
  readonly beside: BesideText;
  readonly warnings: readonly DatabaseWarning[];
}

/** In any database: all of it lies in catalogs that the whole server shares. */
export async function readGrants(
  session: Session,
  database: string,
  selector: DatabaseSelector,
  passwords: Passwords | null,
): Promise<Grants> {
  const [catalog, warnings] = await roleCatalog(session, database, passwords);
  const { isUser } = accountNames(selector);
  const roles = catalog.filter((role) => {
    const name = String(role['name']);
    if (role['rolsuper'] === true || name.startsWith('pg_')) return false;
    return role['owns'] === true || isUser(name);
  });
  const names = roles.map((role) => String(role['name']));
  const statements = [
    ...roles.flatMap(createRole),
    ...(await memberships(session, names)),
    ...(await settings(session, names, database)),
    ...(await databaseGrants(session, database, names)),
  ];
  return { beside: { suffix: 'grants.sql', text: statements.map((line) => `${line}\n`).join('') }, warnings };
}

/** Hashes as the server keeps them, by role. */
export type Passwords = ReadonlyMap<string, string>;

/** In any database; null where they may not be read. That right is granted for one database at a time. */
export async function readPasswords(session: Session): Promise<Passwords | null> {
  const [me] = await session.rows('SELECT has_table_privilege($1, $2) AS allowed', ['pg_authid', 'SELECT']);
  if (me?.['allowed'] !== true) return null;
  const rows = await session.rows('SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL');
  return new Map(rows.map((row) => [String(row['rolname']), String(row['rolpassword'])]));
}

const roleQuery = `SELECT r.rolname AS name, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin,
  r.rolreplication, r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil::text AS valid_until,
  r.oid = (SELECT datdba FROM pg_database WHERE datname = $1) AS owns
  FROM pg_roles r ORDER BY r.rolname`;

async function roleCatalog(
  session: Session,
  database: string,
  passwords: Passwords | null,
): Promise<[readonly Row[], readonly DatabaseWarning[]]> {
  const roles = await session.rows(roleQuery, [database]);
  if (passwords !== null) {
    return [roles.map((role) => ({ ...role, rolpassword: passwords.get(String(role['name'])) })), []];
  }
  const message = 'roles are kept without their passwords, since the configured user may not read them';
  return [roles, [{ code: 'roles-without-passwords', database, message }]];
}

function createRole(role: Row): string[] {
  const name = String(role['name']);
  const flag = (column: string, word: string) => (role[column] === true ? word : `NO${word}`);
  const attributes = [
    flag('rolinherit', 'INHERIT'),
    flag('rolcreaterole', 'CREATEROLE'),
    flag('rolcreatedb', 'CREATEDB'),
    flag('rolcanlogin', 'LOGIN'),
    flag('rolreplication', 'REPLICATION'),
    flag('rolbypassrls', 'BYPASSRLS'),
    `CONNECTION LIMIT ${Number(role['rolconnlimit'])}`,
  ];
  if (typeof role['valid_until'] === 'string')
    attributes.push(`VALID UNTIL ${quoteText(role['valid_until'])}`);
  if (typeof role['rolpassword'] === 'string') attributes.push(`PASSWORD ${quoteText(role['rolpassword'])}`);
  return [
    onlyIf(
      `NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${quoteText(name)})`,
      `CREATE ROLE ${quoteName(name)}`,
    ),
    `ALTER ROLE ${quoteName(name)} WITH ${attributes.join(' ')};`,
  ];
}

async function memberships(session: Session, names: readonly string[]): Promise<string[]> {
  const rows = await session.rows(
    `SELECT g.rolname AS granted, m.rolname AS member, a.admin_option
     FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
     WHERE g.rolname = ANY ($1) OR m.rolname = ANY ($1) ORDER BY 1, 2`,
    [names],
  );
  return rows.map((row) => {
    const granted = String(row['granted']);
    const member = String(row['member']);
    const option = row['admin_option'] === true ? ' WITH ADMIN OPTION' : '';
    const statement = `GRANT ${quoteName(granted)} TO ${quoteName(member)}${option}`;
    return whereRolesExist(statement, [granted, member], names);
  });
}

async function settings(session: Session, names: readonly string[], database: string): Promise<string[]> {
  const rows = await session.rows(
    `SELECT r.rolname AS role, s.setdatabase <> 0 AS here, unnest(s.setconfig) AS setting
     FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
     WHERE (r.rolname = ANY ($1) AND s.setdatabase = 0)
        OR (s.setdatabase = (SELECT oid FROM pg_database WHERE datname = $2)
            AND (s.setrole = 0 OR r.rolname = ANY ($1)))
     ORDER BY 1, 2, 3`,
    [names, database],
  );
  return rows.map((row) => {
    const setting = String(row['setting']);
    const at = setting.indexOf('=');
    const subject =
      row['role'] === null
        ? `DATABASE ${quoteName(database)}`
        : `ROLE ${quoteName(String(row['role']))}${row['here'] === true ? ` IN DATABASE ${quoteName(database)}` : ''}`;
    const name = setting.slice(0, at).split('.').map(quoteName).join('.');
    return `ALTER ${subject} SET ${name} TO ${settingValue(setting.slice(0, at), setting.slice(at + 1))};`;
  });
}

/** Settings that hold a list of names are stored already quoted; each element is quoted anew. */
function settingValue(name: string, value: string): string {
  if (!/^(search_path|temp_tablespaces|(local|session|shared)_preload_libraries)$/.test(name)) {
    return quoteText(value);
  }
  const elements = [...value.matchAll(/"((?:[^"]|"")*)"|([^",\s]+)/g)].map(
    ([, inner, bare]) => inner?.replaceAll('""', '"') ?? bare ?? '',
  );
  return elements.length === 0 ? "''" : elements.map(quoteText).join(', ');
}

async function databaseGrants(
  session: Session,
  database: string,
  names: readonly string[],
): Promise<string[]> {
  const rows = await session.rows(
    `SELECT pg_get_userbyid(d.datdba) AS owner, a.privilege_type, a.is_grantable,
            CASE WHEN a.grantee = 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END AS grantee
     FROM pg_database d LEFT JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a ON true
     WHERE d.datname = $1 ORDER BY grantee NULLS FIRST, a.privilege_type`,
    [database],
  );
  const on = `DATABASE ${quoteName(database)}`;
  const owner = String(rows[0]?.['owner'] ?? '');
  const grants = rows
    .filter((row) => typeof row['privilege_type'] === 'string')
    .map((row) => {
      const grantee = row['grantee'] === null ? null : String(row['grantee']);
      const to = grantee === null ? 'PUBLIC' : quoteName(grantee);
      const option = row['is_grantable'] === true ? ' WITH GRANT OPTION' : '';
      const statement = `GRANT ${String(row['privilege_type'])} ON ${on} TO ${to}${option}`;
      return whereRolesExist(statement, grantee === null ? [] : [grantee], names);
    });
  return [
    whereRolesExist(`ALTER ${on} OWNER TO ${quoteName(owner)}`, [owner], names),
    `REVOKE ALL ON ${on} FROM PUBLIC;`,
    ...grants,
  ];
}

/** As it stands where all roles are made by the same text, else guarded. */
function whereRolesExist(statement: string, roles: readonly string[], made: readonly string[]): string {
  const foreign = roles.filter((role) => !made.includes(role));
  if (foreign.length === 0) return `${statement};`;
  const list = foreign.map(quoteText).join(', ');
  return onlyIf(`(SELECT count(*) FROM pg_roles WHERE rolname IN (${list})) = ${foreign.length}`, statement);
}

function onlyIf(condition: string, statement: string): string {
  return `DO ${quoteText(`BEGIN IF ${condition} THEN ${statement}; END IF; END`)};`;
}

/** For a database whose roles cannot be read; the dump itself is not harmed. */
export function grantsFailure(database: string, error: unknown): DatabaseWarning {
  if (sqlState(error) === undefined) throw error;
  const why = printable((error as Error).message);
  return {
    code: 'grants-unreadable',
    database,
    message: `roles and grants of ${quoted(database)} could not be read: ${why}`,
  };
}
