/**
 * What the importer and his stand-ins have made, given to the account. As administrator, from what the catalogs say and never
 * from text of the dump; nothing that is run here calls what the dump has made.
 */

import { publicSchema, type StandIns } from './import-actors.ts';
import { quoteName } from './names.ts';
import type { Session } from './session.ts';

/** @returns functions and views that no longer act with the rights of their owner, who was none of the account's */
export async function handOver(
  session: Session,
  { user, owner }: { readonly user: string; readonly owner: string },
  { of, guests }: StandIns,
): Promise<readonly string[]> {
  const weakened = await withoutOwnersRights(session, guests);
  const lent = await session.rows(
    `SELECT oid::regnamespace::text AS name FROM pg_namespace WHERE oid = ${publicSchema} AND pg_get_userbyid(nspowner) = $1`,
    [user],
  );
  for (const { name } of lent) await session.rows(`ALTER SCHEMA ${name} OWNER TO pg_database_owner`);
  const roles = new Map([...of].map(([role, standIn]) => [standIn, role]));
  const heirs = [...guests, user].map((standIn) => [standIn, owner] as const);
  for (const [standIn, role] of [...roles, ...heirs]) {
    await session.rows(`REASSIGN OWNED BY ${quoteName(standIn)} TO ${quoteName(role)}`);
    await copyDefaults(session, standIn, roles);
  }
  // Not at once: the server stumbles over default privileges that two of them share.
  for (const role of [...roles.keys(), ...guests, user]) {
    await session.rows(`DROP OWNED BY ${quoteName(role)}`);
  }
  return weakened;
}

/** They would act with those of the account's owner else, who never had a say in them. */
async function withoutOwnersRights(session: Session, roles: readonly string[]): Promise<readonly string[]> {
  const routines = await session.rows(
    'SELECT oid::regprocedure::text AS name FROM pg_proc WHERE prosecdef AND pg_get_userbyid(proowner) = ANY ($1)',
    [roles],
  );
  for (const { name } of routines) await session.rows(`ALTER ROUTINE ${name} SECURITY INVOKER`);
  const views = await session.rows(
    `SELECT oid::regclass::text AS name, current_setting('server_version_num')::int >= 150000 AS invokes,
            ARRAY(SELECT DISTINCT CASE WHEN grantee = 0 THEN NULL ELSE pg_get_userbyid(grantee)::text END FROM aclexplode(relacl)) AS grantees
     FROM pg_class WHERE relkind = 'v' AND pg_get_userbyid(relowner) = ANY ($1)`,
    [roles],
  );
  for (const { name, invokes, grantees } of views) {
    if (invokes === true) await session.rows(`ALTER VIEW ${name} SET (security_invoker = true)`);
    else {
      for (const grantee of grantees as readonly (string | null)[]) {
        await session.rows(
          `REVOKE ALL ON ${name} FROM ${grantee === null ? 'PUBLIC' : quoteName(grantee)} CASCADE`,
        );
      }
    }
  }
  return [...routines, ...views].map(({ name }) => String(name));
}

const kinds: Readonly<Record<string, string>> = {
  r: 'TABLES',
  S: 'SEQUENCES',
  f: 'FUNCTIONS',
  T: 'TYPES',
  n: 'SCHEMAS',
  L: 'LARGE OBJECTS',
};

/** Default privileges of a stand-in, which nothing can reassign. */
async function copyDefaults(
  session: Session,
  standIn: string,
  roles: ReadonlyMap<string, string>,
): Promise<void> {
  const role = roles.get(standIn);
  if (role === undefined) return;
  const rows = await session.rows(
    `SELECT d.defaclobjtype AS kind, n.nspname AS schema, a.privilege_type AS right, a.is_grantable AS hand_on,
            CASE WHEN a.grantee = 0 THEN NULL ELSE pg_get_userbyid(a.grantee)::text END AS grantee
     FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace LEFT JOIN LATERAL aclexplode(d.defaclacl) a ON true
     WHERE pg_get_userbyid(d.defaclrole) = $1 ORDER BY 1, 2`,
    [standIn],
  );
  const begin = `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteName(role)}`;
  // Outside of schemas they are all there is; inside they are added to those.
  for (const kind of new Set(rows.filter((row) => row['schema'] === null).map((row) => row['kind']))) {
    await session.rows(`${begin} REVOKE ALL ON ${kinds[String(kind)]} FROM PUBLIC, ${quoteName(role)}`);
  }
  for (const { kind, schema, right, hand_on, grantee } of rows) {
    if (right === null) continue;
    const where = schema === null ? '' : ` IN SCHEMA ${quoteName(String(schema))}`;
    const to = grantee === null ? 'PUBLIC' : quoteName(roles.get(String(grantee)) ?? String(grantee));
    const option = hand_on === true ? ' WITH GRANT OPTION' : '';
    await session.rows(`${begin}${where} GRANT ${right} ON ${kinds[String(kind)]} TO ${to}${option}`);
  }
}
