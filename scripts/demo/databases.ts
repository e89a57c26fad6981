/** The demo's databases: what they hold, as text to compare; how they are lost; how they come back. */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type MariadbServer, mariadb } from '../../test/support/mariadb.ts';
import { type PostgresqlServer, postgresqlClient, psql } from '../../test/support/postgresql.ts';
import type { PopulatedDatabases } from '../../test/support/sample-databases.ts';

const execute = promisify(execFile);

export interface Servers {
  readonly mysql: MariadbServer;
  readonly postgres: PostgresqlServer;
}

export const missing = 'there is no such database';

/** Everything in the databases and about their users, by name; written by the servers' own clients. */
export async function describeDatabases(
  { mysql, postgres }: Servers,
  names: PopulatedDatabases,
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for (const name of names.mariadb) {
    texts.set(name, await dumpMariadb(mysql, name).catch(() => missing));
  }
  for (const name of names.postgresql) {
    const dump = await postgresqlClient(postgres, 'pg_dump', ['--no-password'], name).catch(() => missing);
    texts.set(name, dump.replace(/^\\(?:un)?restrict .*$/gm, ''));
  }
  texts.set('users of MariaDB', await mariadbUsers(mysql));
  texts.set('roles of PostgreSQL', await psql(postgres, rolesQuery));
  return texts;
}

async function dumpMariadb({ config }: MariadbServer, name: string): Promise<string> {
  const connection = ['--no-defaults', '--user=root', `--socket=${config.socket}`];
  const options = ['--skip-dump-date', '--routines', '--events', '--triggers', '--hex-blob'];
  const args = [...connection, ...options, '--default-character-set=utf8mb4', '--', name];
  return (await execute('mariadb-dump', args, { maxBuffer: 2 ** 30 })).stdout;
}

const usersQuery = `SELECT CONCAT(QUOTE(User), '@', QUOTE(Host)) FROM mysql.user
  WHERE User LIKE 'owner%' OR User LIKE '%\\_app' ORDER BY 1`;

async function mariadbUsers(server: MariadbServer): Promise<string> {
  const users = (await mariadb(server, usersQuery)).trim().split('\n');
  return mariadb(server, users.map((user) => `SHOW GRANTS FOR ${user};`).join('\n'));
}

const rolesQuery = `SELECT rolname, rolcanlogin, rolpassword FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1;
  SELECT r.rolname, m.rolname FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid
    JOIN pg_roles m ON m.oid = a.member WHERE r.rolname !~ '^pg_' ORDER BY 1, 2;
  SELECT datname, rolname, datconnlimit, datacl FROM pg_database JOIN pg_roles r ON r.oid = datdba
    WHERE NOT datistemplate ORDER BY 1;`;

/** Drops some databases, empties tables of others, and removes users. */
export async function damageDatabases(
  { mysql, postgres }: Servers,
  names: PopulatedDatabases,
): Promise<void> {
  for (const [i, name] of names.mariadb.entries()) {
    const loss = name.endsWith('wp')
      ? `DELETE FROM \`${name}\`.posts WHERE id > 3; DROP TABLE \`${name}\`.attachments`
      : `UPDATE \`${name}\`.orders SET total = 0`;
    await mariadb(mysql, i % 3 === 0 ? `DROP DATABASE \`${name}\`` : loss);
  }
  await mariadb(mysql, `DROP USER owner1@localhost; DROP USER exa_app@localhost`);
  for (const [i, name] of names.postgresql.entries()) {
    if (i % 2 === 0) {
      await psql(postgres, `DROP DATABASE "${name}"`);
      await psql(postgres, `DROP ROLE "${name}"`);
    } else await psql(postgres, 'DROP SCHEMA sales CASCADE', name);
  }
}

/** Puts back what a restore wrote below `databases`: a new database, its contents, its users. */
export async function loadDatabases(
  { mysql, postgres }: Servers,
  restored: string,
  files: readonly string[],
): Promise<void> {
  for (const file of files.filter((one) => !one.endsWith('.grants.sql'))) {
    const name = file.slice(file.lastIndexOf('/') + 1).replace(/\.(?:sql|pgdump)$/, '');
    const path = join(restored, file);
    const grants = await readFile(path.replace(/\.(?:sql|pgdump)$/, '.grants.sql'));
    if (file.endsWith('.sql')) {
      await mariadb(
        mysql,
        `DROP DATABASE IF EXISTS \`${name}\`; CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`,
      );
      await mariadb(mysql, await readFile(path), name);
      await mariadb(mysql, grants);
    } else {
      await psql(postgres, `DROP DATABASE IF EXISTS "${name}"`);
      // Roles first: what the file says about the database itself fails here, and is in the archive too.
      await postgresqlClient(postgres, 'psql', ['-Xqf', '-'], 'postgres', grants);
      await postgresqlClient(
        postgres,
        'pg_restore',
        ['--create', '--exit-on-error', '--dbname=postgres', path],
        name,
      );
    }
  }
}

/** Names whose texts differ, or that only one side has. */
export function differences(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
}
