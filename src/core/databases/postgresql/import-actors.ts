/**
 * The roles that an import makes for itself: the importer, who loads the dump, and a stand-in for each role that the dump
 * names. None of them is ever a member of a role that was there before, so nothing of the dump reaches beyond the scratch
 * database; what stand-ins own is handed on by the administrator. All are gone when the import ends.
 *
 * What the dump holds may run as the importer, who may change his own password and let others be him: so he cannot log in
 * any more once his session is open, and what others have made in his name goes with him.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../errors.ts';
import { quoteName, quoteText } from './names.ts';
import { type Row, type Session, sqlState } from './session.ts';

export interface StandIns {
  /** By the role of the account that they stand in for. */
  readonly of: ReadonlyMap<string, string>;
  /** For owners that are none of the account's. */
  readonly guests: readonly string[];
}

/** May log in once, and make objects in those tablespaces in which one of `roles` may. */
export async function createImporter(
  session: Session,
  { user, password }: { readonly user: string; readonly password: string },
  roles: ReadonlySet<string>,
): Promise<void> {
  await session.rows(
    `CREATE ROLE ${quoteName(user)} LOGIN CONNECTION LIMIT 1 INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD ${quoteText(password)}`,
  );
  const places = await session.rows(
    `SELECT t.spcname AS name FROM pg_tablespace t WHERE t.spcname !~ '^pg_'
       AND EXISTS (SELECT FROM unnest($1::text[]) r WHERE has_tablespace_privilege(r, t.oid, 'CREATE'))`,
    [[...roles]],
  );
  for (const { name } of places) {
    await session.rows(`GRANT CREATE ON TABLESPACE ${quoteName(String(name))} TO ${quoteName(user)}`);
  }
}

/**
 * In the scratch database: he may make things in it, and is not its owner. An owner's settings, rights and limits of a
 * database outlive him, and whoever's function a dump calls while it is loaded would set them.
 */
export async function admitImporter(
  session: Session,
  { user, scratch }: { readonly user: string; readonly scratch: string },
): Promise<void> {
  await session.rows(
    `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${quoteName(scratch)} TO ${quoteName(user)}`,
  );
  const [lent] = await session.rows(
    `SELECT 1 AS one FROM pg_namespace WHERE oid = ${publicSchema} AND pg_get_userbyid(nspowner) = 'pg_database_owner'`,
  );
  if (lent !== undefined) await session.rows(`ALTER SCHEMA public OWNER TO ${quoteName(user)}`);
}

/** As every server numbers the schema that it makes with a database. */
export const publicSchema = 2200;

/**
 * A stand-in for an owner who is none of the account's, from his first object on. The importer is a member of it, and it
 * of nothing.
 */
export async function createGuest(
  session: Session,
  { user, scratch }: { readonly user: string; readonly scratch: string },
  at: number,
): Promise<string> {
  const name = `${user}_g${at}`;
  await session.rows(`CREATE ROLE ${quoteName(name)} NOLOGIN CONNECTION LIMIT 1`);
  await session.rows(`GRANT ${quoteName(name)} TO ${quoteName(user)}`);
  await session.rows(`GRANT CONNECT ON DATABASE ${quoteName(scratch)} TO ${quoteName(name)}`);
  return name;
}

/** Whether the importer has none of the guest's rights. */
export async function partFrom(
  session: Session,
  { user, guest }: { readonly user: string; readonly guest: string },
  parted: boolean,
): Promise<void> {
  await session.rows(
    parted
      ? `REVOKE ${quoteName(guest)} FROM ${quoteName(user)}`
      : `GRANT ${quoteName(guest)} TO ${quoteName(user)}`,
  );
}

/** For one session. */
export async function openLogin(session: Session, user: string, password: string): Promise<void> {
  await session.rows(`ALTER ROLE ${quoteName(user)} LOGIN PASSWORD ${quoteText(password)}`);
}

/** Once the session is open, before anything of the dump runs in it. No role can give itself these back. */
export async function closeLogin(session: Session, user: string): Promise<void> {
  await session.rows(`ALTER ROLE ${quoteName(user)} NOLOGIN PASSWORD NULL`);
}

const longestEndMs = 5_000;
const pauseMs = 50;

interface Loaders {
  readonly user: string;
  /** Process id of the importer's own session. */
  readonly backend: number;
  readonly scratch: string;
  /** Stand-ins whose sessions have ended. */
  readonly guests: readonly string[];
}

/**
 * Once nothing of the dump runs any more, with nobody else in the scratch database: the importer becomes a member of each.
 *
 * @throws IMPORT_REFUSED others may act as the importer or a guest
 */
export async function makeStandIns(
  session: Session,
  { user, backend, scratch, guests }: Loaders,
  roles: Iterable<string>,
): Promise<StandIns> {
  const actors = { users: [user, ...guests], backend, scratch };
  // Whoever was a member may have become the importer and left again: members first, then sessions.
  const stop = performance.now() + longestEndMs;
  let others = await endOthers(session, actors);
  while (others > 0 && performance.now() < stop) {
    await sleep(pauseMs);
    others = await endOthers(session, actors);
  }
  const members = await membersOf(session, actors.users);
  others = await endOthers(session, actors);
  if (members.length > 0 || others > 0) {
    throw new HoldfastError('IMPORT_REFUSED', 'the dump lets others act as the role that loads it', {
      hint: 'Look at its functions that CHECK constraints, indexes and materialized views call, or restore another snapshot.',
    });
  }
  const create = async (at: number): Promise<string> => {
    const name = `${user}_${at}`;
    await session.rows(`CREATE ROLE ${quoteName(name)} NOLOGIN`);
    await session.rows(`GRANT ${quoteName(name)} TO ${quoteName(user)}`);
    // What the server wants of the new owner of a schema. Goes with the stand-ins.
    await session.rows(`GRANT CREATE ON DATABASE ${quoteName(scratch)} TO ${quoteName(name)}`);
    return name;
  };
  const of = new Map<string, string>();
  for (const role of roles) of.set(role, await create(of.size + 1));
  return { of, guests };
}

/** Ends what else is there as one of them or in the scratch database, but for superusers; how many that were. */
async function endOthers(
  session: Session,
  {
    users,
    backend,
    scratch,
  }: { readonly users: readonly string[]; readonly backend: number; readonly scratch: string },
): Promise<number> {
  const ended = await session.rows(
    `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
     WHERE NOT r.rolsuper AND a.pid <> $1 AND (a.usename = ANY ($2) OR a.datname = $3)`,
    [backend, users, scratch],
  );
  return ended.length;
}

async function membersOf(session: Session, roles: readonly string[]): Promise<readonly Row[]> {
  return await session.rows(
    `SELECT pg_get_userbyid(m.member) AS member, pg_get_userbyid(m.roleid) AS role FROM pg_auth_members m
     JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname = ANY ($1) AND NOT pg_get_userbyid(m.member) = ANY ($1)`,
    [roles],
  );
}

type In = <T>(database: string, work: (session: Session) => Promise<T>) => Promise<T>;

const attempts = 4;

/**
 * The importer and his stand-ins, with all that is still theirs, in whatever database. Ones that are gone are a success.
 *
 * @param session in the maintenance database
 */
export async function dropActors(session: Session, user: string, inDatabase: In): Promise<void> {
  const rows = await session.rows(
    "SELECT rolname AS name FROM pg_roles WHERE rolname = $1 OR rolname ~ ('^' || $1 || '_g?[0-9]+$')",
    [user],
  );
  const roles = rows.map(({ name }) => String(name));
  if (roles.length === 0) return;
  for (const role of roles) await session.rows(`ALTER ROLE ${quoteName(role)} NOLOGIN`);
  const members = await membersOf(session, roles);
  for (const { role, member } of members) {
    await session.rows(`REVOKE ${quoteName(String(role))} FROM ${quoteName(String(member))} CASCADE`);
  }
  const former = members.map(({ member }) => String(member));
  for (let attempt = 1; ; attempt += 1) {
    await session.rows('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY ($1)', [
      roles,
    ]);
    const places = await databasesWith(session, roles);
    if (attempt > 1) {
      // A session that has become the importer stays it: seen only by what it goes on making.
      await session.rows(
        `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
         WHERE NOT r.rolsuper AND a.usename = ANY ($1) AND a.datname = ANY ($2)`,
        [former, places],
      );
    }
    for (const place of places) {
      await inDatabase(place, (there) => dropOwned(there, roles));
    }
    const owned = await session.rows(
      'SELECT datname AS name FROM pg_database WHERE pg_get_userbyid(datdba) = ANY ($1)',
      [roles],
    );
    for (const { name } of owned) {
      await session.rows(`ALTER DATABASE ${quoteName(String(name))} OWNER TO CURRENT_USER`);
    }
    await dropOwned(session, roles);
    try {
      await session.rows(`DROP ROLE ${roles.map(quoteName).join(', ')}`);
      return;
    } catch (error) {
      if (sqlState(error) !== dependentObjects || attempt === attempts) throw error;
    }
    await sleep(pauseMs);
  }
}

const dependentObjects = '2BP01';

/** Of one after the other: the server stumbles over default privileges that two of them share. */
async function dropOwned(session: Session, roles: readonly string[]): Promise<void> {
  for (const role of roles) await session.rows(`DROP OWNED BY ${quoteName(role)} CASCADE`);
}

/** Databases in which something belongs to one of them, or gives them rights. */
async function databasesWith(session: Session, roles: readonly string[]): Promise<readonly string[]> {
  const rows = await session.rows(
    `SELECT DISTINCT d.datname AS name FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
     JOIN pg_roles r ON r.oid = s.refobjid
     WHERE s.refclassid = 'pg_authid'::regclass AND r.rolname = ANY ($1) AND d.datallowconn`,
    [roles],
  );
  return rows.map(({ name }) => String(name));
}
