/** Databases as a whole: made like another, given another's settings, renamed, kept from connections, dropped. */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { createSaid, type SaidLocale } from './import-locale.ts';
import { quoteName, quoteText } from './names.ts';
import type { Row, Session } from './session.ts';

export interface NewDatabase {
  readonly name: string;
  /** Its encoding, locale and tablespace (which the panel's quota counts) count, if there is such a database. */
  readonly like: string;
  /** Else what the dump says. */
  readonly said: SaidLocale | null;
  /** The name that it has in the end. */
  readonly database: string;
}

/**
 * Without objects, the administrator's, and open to nobody else. Warnings where encoding and locale are not known.
 */
export async function createLike(
  session: Session,
  { name, like, said, database }: NewDatabase,
): Promise<readonly DatabaseWarning[]> {
  const [row] = await session.rows(
    `SELECT to_jsonb(d) AS d, pg_encoding_to_char(d.encoding) AS encoding, t.spcname
     FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = $1`,
    [like],
  );
  const options = ['TEMPLATE template0', 'ALLOW_CONNECTIONS false'];
  let warnings: readonly DatabaseWarning[] = [];
  if (row === undefined) warnings = await createSaid(session, { name, common: options, database }, said);
  else {
    const d = row['d'] as Readonly<Record<string, unknown>>;
    const text = (key: string): string | null => (typeof d[key] === 'string' ? (d[key] as string) : null);
    const icu = text('datlocale') ?? text('daticulocale');
    options.push(`ENCODING ${quoteText(String(row['encoding']))}`);
    options.push(
      `LC_COLLATE ${quoteText(text('datcollate') ?? 'C')}`,
      `LC_CTYPE ${quoteText(text('datctype') ?? 'C')}`,
    );
    if (d['datlocprovider'] === 'i' && icu !== null)
      options.push('LOCALE_PROVIDER icu', `ICU_LOCALE ${quoteText(icu)}`);
    options.push(`TABLESPACE ${quoteName(String(row['spcname']))}`);
    await session.rows(`CREATE DATABASE ${quoteName(name)} ${options.join(' ')}`);
  }
  await session.rows(`REVOKE ALL ON DATABASE ${quoteName(name)} FROM PUBLIC`);
  await allowConnections(session, name, true);
  return warnings;
}

/** With its owner, open as a database is by itself. */
export async function giveTo(session: Session, name: string, owner: string): Promise<void> {
  await session.rows(`ALTER DATABASE ${quoteName(name)} OWNER TO ${quoteName(owner)}`);
  await session.rows(`GRANT CONNECT, TEMPORARY ON DATABASE ${quoteName(name)} TO PUBLIC`);
}

/** Owner, connection limit, rights and settings of `from`, and whether it is a template, where there is one. May be repeated. */
export async function carryOver(session: Session, from: string, to: string): Promise<void> {
  const [row] = await session.rows(
    `SELECT d.datconnlimit, d.datistemplate, pg_get_userbyid(d.datdba) AS owner, d.datacl IS NULL AS plain,
            shobj_description(d.oid, 'pg_database') AS comment FROM pg_database d WHERE d.datname = $1`,
    [from],
  );
  if (row === undefined) return;
  const on = `DATABASE ${quoteName(to)}`;
  await session.rows(`ALTER ${on} OWNER TO ${quoteName(String(row['owner']))}`);
  await session.rows(`ALTER ${on} CONNECTION LIMIT ${Number(row['datconnlimit'])}`);
  await session.rows(`ALTER ${on} IS_TEMPLATE ${row['datistemplate'] === true}`);
  if (typeof row['comment'] === 'string')
    await session.rows(`COMMENT ON ${on} IS ${quoteText(row['comment'])}`);
  if (row['plain'] !== true) {
    await session.rows(`REVOKE ALL ON ${on} FROM PUBLIC`);
    for (const grant of await grantsOf(session, from)) await session.rows(grantStatement(grant, on));
  }
  for (const setting of await settingsOf(session, from)) await session.rows(settingStatement(setting, to));
}

/**
 * Settings of `from` that materialized views may show, which are filled while `to` is loaded. What they mean for the text of
 * the dump is set otherwise.
 */
export async function carryReading(session: Session, from: string, to: string): Promise<void> {
  for (const setting of await settingsOf(session, from)) {
    if (setting['role'] === null && reading.test(String(setting['name'])))
      await session.rows(settingStatement(setting, to));
  }
}

const reading = /^(timezone|datestyle|default_text_search_config|lc_time|lc_numeric|extra_float_digits)$/i;

async function grantsOf(session: Session, database: string): Promise<readonly Row[]> {
  return await session.rows(
    `SELECT a.privilege_type, a.is_grantable, CASE WHEN a.grantee = 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END AS grantee
     FROM pg_database d, LATERAL aclexplode(d.datacl) a WHERE d.datname = $1`,
    [database],
  );
}

function grantStatement(row: Row, on: string): string {
  const to = row['grantee'] === null ? 'PUBLIC' : quoteName(String(row['grantee']));
  const option = row['is_grantable'] === true ? ' WITH GRANT OPTION' : '';
  return `GRANT ${String(row['privilege_type'])} ON ${on} TO ${to}${option}`;
}

async function settingsOf(session: Session, database: string): Promise<readonly Row[]> {
  return await session.rows(
    `SELECT r.rolname AS role, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
     FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
     LEFT JOIN pg_roles r ON r.oid = s.setrole, LATERAL unnest(s.setconfig) c WHERE d.datname = $1`,
    [database],
  );
}

/** Lists of names are stored quoted already and taken as they are only where they are plain. */
function settingStatement(row: Row, database: string): string {
  const [name, value] = [String(row['name']), String(row['value'])];
  const on = `DATABASE ${quoteName(database)}`;
  const subject = row['role'] === null ? on : `ROLE ${quoteName(String(row['role']))} IN ${on}`;
  const isList = /^(search_path|temp_tablespaces|(local|session)_preload_libraries)$/.test(name);
  const elements = [...value.matchAll(/"((?:[^"]|"")*)"|([^",\s]+)/g)].map(([, inner, bare]) =>
    quoteText(inner?.replaceAll('""', '"') ?? bare ?? ''),
  );
  const written = isList && elements.length > 0 ? elements.join(', ') : quoteText(value);
  return `ALTER ${subject} SET ${name.split('.').map(quoteName).join('.')} TO ${written}`;
}

export async function allowConnections(session: Session, name: string, allowed: boolean): Promise<void> {
  await session.rows(`ALTER DATABASE ${quoteName(name)} ALLOW_CONNECTIONS ${allowed}`);
}

export async function endSessions(session: Session, names: readonly string[]): Promise<void> {
  await session.rows(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY ($1) AND pid <> pg_backend_pid()',
    [names],
  );
}

/** Also one that its owner had made a template. */
export async function dropDatabase(session: Session, name: string): Promise<void> {
  if ((await databaseNames(session)).has(name))
    await session.rows(`ALTER DATABASE ${quoteName(name)} IS_TEMPLATE false`);
  await endSessions(session, [name]);
  await session.rows(`DROP DATABASE IF EXISTS ${quoteName(name)}`);
}

export async function databaseNames(session: Session): Promise<ReadonlySet<string>> {
  const rows = await session.rows('SELECT datname AS name FROM pg_database');
  return new Set(rows.map((row) => String(row['name'])));
}
