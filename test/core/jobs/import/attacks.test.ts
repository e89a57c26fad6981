/** Dumps that try to do more than fill their own database. */

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OtherNames } from '../../../../src/core/contracts/panel.ts';
import { runImportClient } from '../../../../src/core/databases/mysql/import-client.ts';
import { createImporter } from '../../../../src/core/databases/mysql/import-user.ts';
import { openSession } from '../../../../src/core/databases/mysql/session.ts';
import {
  contextOf,
  importSignal,
  makeImportDirectory,
  runImport,
  selectorOf,
} from '../../../support/imports.ts';
import { type MariadbServer, mariadb, startMariadb } from '../../../support/mariadb.ts';
import { type PostgresqlServer, psql, startPostgresql } from '../../../support/postgresql.ts';

let mysql: MariadbServer;
let postgres: PostgresqlServer;
let dir: string;
let mark: string;

beforeAll(async () => {
  [mysql, postgres] = await Promise.all([startMariadb(), startPostgresql()]);
  dir = makeImportDirectory();
  mark = join(dir, 'escaped');
  await mariadb(
    mysql,
    `CREATE USER exaadmin@localhost; GRANT ALL ON \`exa\\_%\`.* TO exaadmin@localhost;
     CREATE DATABASE victim; CREATE TABLE victim.t (a INT); INSERT INTO victim.t VALUES (1); CREATE DATABASE exa_live; CREATE TABLE exa_live.t (a INT)`,
  );
  await psql(postgres, 'CREATE ROLE exaadmin LOGIN; CREATE ROLE other LOGIN');
  await psql(postgres, 'CREATE DATABASE exa_live OWNER exaadmin');
  await psql(postgres, 'CREATE DATABASE victim OWNER other');
});

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await Promise.all([mysql.stop(), postgres.stop()]);
});

async function attempt(family: 'mysql' | 'postgresql', sql: string, others?: OtherNames): Promise<string> {
  const file = join(dir, 'attack.sql');
  const head =
    family === 'mysql' ? '-- Host: localhost    Database: exa_live\n' : '-- PostgreSQL database dump\n';
  const tail = family === 'mysql' ? '' : '--\n-- PostgreSQL database dump complete\n--\n\n';
  writeFileSync(file, `${head}\n${sql}\n${tail}`);
  const config = family === 'mysql' ? mysql.config : postgres.config;
  const selector = { ...selectorOf(family, 'exa_', 'exaadmin'), ...(others === undefined ? {} : { others }) };
  const context = await contextOf(config, selector, dir);
  try {
    await runImport(context, file, 'exa_live', { place: { kind: 'replace' } });
    return 'imported';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('a hostile dump for MariaDB', () => {
  it.each([
    ['creates a user', 'CREATE USER evil@localhost;'],
    ['grants', 'GRANT ALL ON *.* TO exaadmin@localhost;'],
    ['hides a grant in a comment', '/*!50001 GRANT ALL ON *.* TO exaadmin@localhost */;'],
    [
      'hides a grant where only the server looks',
      '/*!99999 SELECT 1 */; /*!50001 CREATE */ /*!50001 USER */ evil@localhost;',
    ],
    ['sets a global variable', 'SET GLOBAL general_log = 1;'],
    ['sets a global variable by another name', 'SET @@global.max_connections = 3;'],
    ['writes a file', "SELECT 'x' INTO OUTFILE '/tmp/hf-escaped';"],
    ['loads a file', "LOAD DATA INFILE '/etc/passwd' INTO TABLE t;"],
    [
      'loads a file of the client',
      "CREATE TABLE t (a TEXT); LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;",
    ],
    ['loads a library', "CREATE FUNCTION sys_exec RETURNS STRING SONAME 'lib_mysqludf_sys.so';"],
    ['inserts into another database', 'INSERT INTO victim.t VALUES (2);'],
    ['creates a table elsewhere', 'CREATE TABLE victim.u (a INT);'],
    ['drops a table elsewhere', 'DROP TABLE victim.t;'],
    ['copies from another database', 'CREATE TABLE stolen AS SELECT * FROM victim.t;'],
    ['reads as a query', 'CREATE TABLE t (a INT); INSERT INTO t SELECT a FROM victim.t;'],
    ['updates', 'UPDATE mysql.user SET Super_priv = "Y";'],
    [
      'changes the delimiter to hide a statement',
      'DELIMITER $$\nDROP DATABASE victim$$\nGRANT ALL ON *.* TO exaadmin@localhost$$',
    ],
    ['changes to a character set that hides quotes', 'SET NAMES gbk;'],
    ['prepares a statement', "PREPARE s FROM 'DROP DATABASE victim'; EXECUTE s;"],
    ['calls a routine', 'CREATE PROCEDURE p() DROP DATABASE victim; CALL p();'],
    ['installs a plugin', "INSTALL SONAME 'auth_socket';"],
    ['ends in the middle', 'CREATE TABLE t (a INT'],
    [
      'runs what is in a federated table',
      "CREATE TABLE t (a INT) ENGINE=CONNECT TABLE_TYPE=DOS FILE_NAME='/etc/passwd';",
    ],
  ])('that %s is stopped', async (_, sql) => {
    expect(await attempt('mysql', sql)).toMatch(/^IMPORT_(REFUSED|FAILED)$/);
    expect(await mariadb(mysql, 'SELECT COUNT(*) FROM victim.t; SHOW TABLES IN victim')).toBe('1\nt\n');
    expect(await mariadb(mysql, 'SHOW TABLES IN exa_live')).toBe('t\n');
    expect(
      await mariadb(mysql, "SELECT User FROM mysql.user WHERE User = 'evil' OR User LIKE 'holdfast%'"),
    ).toBe('');
    expect(existsSync('/tmp/hf-escaped')).toBe(false);
  });

  it('that names other databases fills its own only', async () => {
    const sql = `CREATE DATABASE victim2; USE victim2; CREATE TABLE evil (a INT); DROP DATABASE victim;
      USE exa_live; CREATE TABLE good (a INT); INSERT INTO good VALUES (1);`;
    expect(await attempt('mysql', sql)).toBe('imported');
    expect(await mariadb(mysql, 'SHOW TABLES IN exa_live')).toBe('good\n');
    expect(await mariadb(mysql, "SHOW DATABASES LIKE 'victim%'")).toBe('victim\n');
  });

  it('that looks into another database gets no such view', async () => {
    const sql =
      'CREATE TABLE good (a INT); CREATE DEFINER=root@localhost VIEW stolen AS SELECT * FROM victim.t;';
    expect(await attempt('mysql', sql)).toBe('imported');
    expect(await mariadb(mysql, 'SHOW TABLES IN exa_live')).toBe('good\n');
  });

  it('that names a foreign definer gets one of the account', async () => {
    const sql = `CREATE TABLE t (a INT); CREATE DEFINER=root@localhost TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1;
      /*!50003 CREATE*/ /*!50020 DEFINER='root'@'localhost' */ /*!50003 PROCEDURE p() SELECT 1 */;
      CREATE ALGORITHM=MERGE DEFINER = \`root\`@\`localhost\` SQL SECURITY DEFINER VIEW v AS SELECT a FROM t;
      CREATE DEFINER=root@localhost EVENT e ON SCHEDULE EVERY 1 SECOND DO DROP DATABASE victim;`;
    expect(await attempt('mysql', sql)).toBe('imported');
    const definers = await mariadb(
      mysql,
      `SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'exa_live' UNION ALL SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'exa_live'
       UNION ALL SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'exa_live' UNION ALL SELECT DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'exa_live'`,
    );
    expect(definers).toBe('exaadmin@localhost\n'.repeat(4));
  });

  it('that hides a trigger in the name of a definer makes none', async () => {
    const host = '@localhost TRIGGER victim.t1 BEFORE INSERT ON victim.t FOR EACH ROW -- ';
    const sql = `SET sql_mode='NO_BACKSLASH_ESCAPES';\nCREATE DEFINER=\`exa_x'\`@\`${host}\` PROCEDURE p() SET @a = 1;`;
    expect(await attempt('mysql', sql)).toBe('imported');
    expect(
      await mariadb(
        mysql,
        `SELECT TRIGGER_SCHEMA FROM information_schema.TRIGGERS;
         SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'exa_live'`,
      ),
    ).toBe('exaadmin@localhost\n');
  });

  it('that acts as a user of an account with a longer prefix, or as nobody, gets one of the account', async () => {
    await mariadb(mysql, 'CREATE OR REPLACE USER exa_corp_admin@localhost, exa_web@localhost');
    const names = ['exa_corp_admin', 'exa_corp', 'exa_gone', 'exa_web'];
    const sql = names.map((name, at) => `CREATE DEFINER=${name}@localhost PROCEDURE p${at}() SELECT 1;`);
    const others = { prefixes: ['exa_corp_'], admins: ['exa_corp'] };
    expect(await attempt('mysql', sql.join('\n'), others)).toBe('imported');
    const query =
      "SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'exa_live' ORDER BY ROUTINE_NAME";
    expect(await mariadb(mysql, query)).toBe(`${'exaadmin@localhost\n'.repeat(3)}exa_web@localhost\n`);
    await mariadb(mysql, 'DROP USER exa_corp_admin@localhost, exa_web@localhost');
  });

  it('that holds what a guest of the account has made gives the guest no rights of the account', async () => {
    await mariadb(
      mysql,
      `CREATE USER guest@localhost; CREATE ROLE crew; GRANT EXECUTE, SELECT, INSERT, TRIGGER ON exa_live.* TO guest@localhost;
       CREATE DATABASE exa_secret; CREATE TABLE exa_secret.s (a TEXT); INSERT INTO exa_secret.s VALUES ('top')`,
    );
    const trigger = 'TRIGGER peek BEFORE INSERT ON t FOR EACH ROW SET NEW.a = (SELECT a FROM exa_secret.s)';
    const sql = `CREATE TABLE t (a TEXT); CREATE DEFINER=guest@localhost ${trigger};
      CREATE DEFINER=gone@localhost TRIGGER old AFTER INSERT ON t FOR EACH ROW SET @a = 1;
      CREATE DEFINER=guest@localhost EVENT e ON SCHEDULE EVERY 1 DAY DO INSERT INTO t SELECT a FROM exa_secret.s;
      CREATE DEFINER=guest@localhost PROCEDURE p() SELECT a FROM exa_secret.s; CREATE DEFINER=crew PROCEDURE r() SELECT a FROM exa_secret.s;
      CREATE DEFINER=guest@localhost FUNCTION f() RETURNS ENUM('a\nb','top') RETURN (SELECT a FROM exa_secret.s);
      CREATE DEFINER=guest@localhost SQL SECURITY DEFINER VIEW v AS SELECT a FROM exa_secret.s;
      SET sql_mode=ORACLE;\nDELIMITER $$
      CREATE DEFINER=guest@localhost PACKAGE pk AS PROCEDURE p; END$$
      CREATE DEFINER=guest@localhost PACKAGE BODY pk AS PROCEDURE p AS BEGIN SELECT a FROM exa_secret.s; END; END$$
      DELIMITER ;\n`;
    const triggers =
      'SELECT TRIGGER_NAME, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = "exa_live" ORDER BY 1';
    try {
      expect(await attempt('mysql', sql)).toBe('imported');
      expect(await mariadb(mysql, triggers)).toBe('old\texaadmin@localhost\n');
      expect(await mariadb(mysql, 'SHOW EVENTS IN exa_live')).toBe('');
      const guest = await openSession({ ...mysql.config, user: 'guest' }, importSignal);
      await guest.rows("SET sql_mode = 'ORACLE'");
      await guest.rows('USE exa_live');
      for (const peek of ['CALL p()', 'CALL r()', 'SELECT f()', 'SELECT a FROM v', 'CALL pk.p()'])
        await expect(guest.rows(peek), peek).rejects.toThrow(/denied|lack/);
      await guest.close();
      expect(await mariadb(mysql, 'USE exa_live; CALL p(); SELECT a FROM v; SELECT f()')).toBe(
        'top\n'.repeat(3),
      );

      // What is there already under that name, word for word, stays as it is.
      await mariadb(mysql, `CREATE DEFINER=guest@localhost ${trigger}`, 'exa_live');
      expect(await attempt('mysql', sql)).toBe('imported');
      expect(await mariadb(mysql, triggers)).toBe('old\texaadmin@localhost\npeek\tguest@localhost\n');
      await mariadb(
        mysql,
        `USE exa_live; DROP TRIGGER peek; CREATE DEFINER=guest@localhost TRIGGER peek BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1`,
      );
      expect(await attempt('mysql', sql)).toBe('imported');
      expect(await mariadb(mysql, triggers)).toBe('old\texaadmin@localhost\n');
    } finally {
      await mariadb(mysql, 'DROP USER guest@localhost; DROP ROLE crew; DROP DATABASE exa_secret');
    }
  });

  it('finds no commands in the client, whatever reaches it', async () => {
    const session = await openSession(mysql.config, importSignal);
    const selector = selectorOf('mysql', 'exa_', 'exaadmin');
    await createImporter(session, {
      user: 'holdfast_imp_x',
      password: 'secret',
      scratch: 'exa_live',
      selector,
    });
    await session.close();
    const importer = { ...mysql.config, user: 'holdfast_imp_x', password: 'secret' };
    const raw = [
      `\\! touch ${mark}`,
      `system touch ${mark}`,
      `source ${mark}`,
      `tee ${mark}`,
      `\\T ${mark}`,
      `select 1 \\! touch ${mark}`,
      'GRANT ALL ON *.* TO exaadmin@localhost',
      'CREATE DATABASE evil',
      'USE victim; SELECT 1',
      `SELECT 1 INTO OUTFILE '${mark}'`,
      "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
      'CREATE DEFINER=root@localhost PROCEDURE evil() SELECT 1',
      'SET GLOBAL general_log = 1',
    ];
    for (const line of raw) {
      const text = (async function* () {
        yield Buffer.from(`${line}\n;\n`);
      })();
      await expect(runImportClient(importer, 'exa_live', text, importSignal), line).rejects.toThrow(
        'could not be loaded',
      );
    }
    expect(existsSync(mark)).toBe(false);
    await mariadb(mysql, 'DROP USER holdfast_imp_x@localhost');
  });
});

describe('a hostile dump for PostgreSQL', () => {
  it.each([
    ['runs a program', () => `CREATE TABLE t (a text);\nCOPY t FROM PROGRAM 'touch ${mark}';`],
    ['writes through a program', () => `COPY (SELECT 1) TO PROGRAM 'touch ${mark}';`],
    ['reads a file', () => `CREATE TABLE t (a text);\nCOPY t FROM '/etc/passwd';`],
    ['has a command of psql', () => `\\! touch ${mark}`],
    ['has a command of psql in a statement', () => `CREATE TABLE t (a text) \\! touch ${mark}\n;`],
    [
      'has one after rows',
      () =>
        `CREATE TABLE t (a text);\nCOPY public.t (a) FROM stdin;\nx\n\\.\n\\copy t from program 'touch ${mark}'`,
    ],
    ['connects elsewhere', () => `\\connect victim`],
    ['creates a role', () => 'CREATE ROLE evil SUPERUSER;'],
    ['alters a role', () => 'ALTER ROLE exaadmin SUPERUSER;'],
    ['becomes another role', () => 'SET ROLE postgres;'],
    ['drops a database', () => 'DROP DATABASE victim;'],
    ['runs code', () => `DO $$ BEGIN EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch ${mark}'''; END $$;`],
    ['makes a function in C', () => `CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/tmp/x.so', 'f';`],
    [
      'makes a function in an untrusted language',
      () => `CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'int4pl';`,
    ],
    ['loads an untrusted extension', () => 'CREATE EXTENSION file_fdw;'],
    ['queries', () => `SELECT pg_read_file('/etc/passwd');`],
    [
      'hides a second statement from us',
      () => `CREATE TABLE t (a text DEFAULT $a$;$a$); DROP OWNED BY exaadmin;`,
    ],
    [
      'runs it when an index is built',
      () =>
        `CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN COPY (SELECT 1) TO PROGRAM 'touch ${mark}'; RETURN 1; END $$; CREATE INDEX ON t (f(a));`,
    ],
    ['ends in the middle of rows', () => `CREATE TABLE t (a text);\nCOPY public.t (a) FROM stdin;\nx\n`],
  ])('that %s is stopped', async (_, sql) => {
    expect(await attempt('postgresql', sql())).toMatch(/^IMPORT_(REFUSED|FAILED)$/);
    expect(existsSync(mark)).toBe(false);
    expect(
      await psql(
        postgres,
        "SELECT rolname FROM pg_roles WHERE rolname = 'evil' OR rolname LIKE 'holdfast%' OR rolsuper ORDER BY 1",
      ),
    ).toBe('postgres\n');
    expect(
      await psql(
        postgres,
        "SELECT datname FROM pg_database WHERE datname IN ('victim', 'exa_live') OR datname LIKE 'holdfast%' ORDER BY 1",
      ),
    ).toBe('exa_live\nvictim\n');
    expect(await psql(postgres, "SELECT datallowconn FROM pg_database WHERE datname = 'exa_live'")).toBe(
      't\n',
    );
  });

  it('that grants itself a powerful role is refused', async () => {
    expect(await attempt('postgresql', 'GRANT pg_execute_server_program TO exaadmin;')).toBe(
      'IMPORT_REFUSED',
    );
    const members = "SELECT roleid FROM pg_auth_members WHERE member = 'exaadmin'::regrole";
    expect(await psql(postgres, members)).toBe('');
  });
});
