import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  contextOf,
  describeMariadb,
  exportToFile,
  makeImportDirectory,
  runImport,
  runUndo,
  selectorOf,
} from '../../../support/imports.ts';
import { type MariadbServer, mariadb, startMariadb } from '../../../support/mariadb.ts';
import { populateDatabases } from '../../../support/sample-databases.ts';

const selector = selectorOf('mysql', 'exa_', 'exaadmin');
let from: MariadbServer;
let to: MariadbServer;
let dir: string;

beforeAll(async () => {
  [from, to] = await Promise.all([startMariadb(), startMariadb()]);
  dir = makeImportDirectory();
  const accounts = [{ prefix: 'exa_', adminUser: 'exaadmin' }];
  await populateDatabases({ accounts, mariadb: { socketPath: from.config.socket, user: 'root' } });
  await mariadb(
    from,
    `CREATE DATABASE exa_odd CHARACTER SET latin1; USE exa_odd;
     CREATE SEQUENCE numbers START WITH 7; DO NEXTVAL(numbers);
     CREATE TABLE numbered (id BIGINT DEFAULT NEXTVAL(numbers) PRIMARY KEY, f FLOAT, d DOUBLE, hidden INT INVISIBLE DEFAULT 3,
       twice INT GENERATED ALWAYS AS (hidden * 2) STORED, raw VARBINARY(64), CONSTRAINT positive CHECK (hidden > 0));
     INSERT INTO numbered (f, d, raw) VALUES (1.5, 0.1, x'00FF0A5C27'), (2.25, 1e300, 'it''s; -- not \\n the end');
     CREATE TABLE versioned (x INT PRIMARY KEY) WITH SYSTEM VERSIONING; INSERT INTO versioned VALUES (1); UPDATE versioned SET x = 2;
     CREATE TABLE parent (id INT PRIMARY KEY); CREATE TABLE child (id INT, p INT, FOREIGN KEY (p) REFERENCES parent (id));
     INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (10, 1), (11, 2), (12, NULL);
     CREATE FUNCTION double_of(a INT) RETURNS INT DETERMINISTIC RETURN a * 2;
     CREATE VIEW a_second AS SELECT 1 AS one; CREATE VIEW b_first AS SELECT id, double_of(id) AS twice FROM parent;
     CREATE OR REPLACE VIEW a_second AS SELECT exa_odd.double_of(twice) AS four FROM b_first;
     CREATE VIEW c_called AS SELECT double_of(4) AS eight; CREATE VIEW d_over AS SELECT p.id, c.eight FROM parent p JOIN c_called c;
     SET NAMES latin1; CREATE FUNCTION hashed() RETURNS CHAR(32) DETERMINISTIC RETURN MD5('é'); CREATE VIEW e_hashed AS SELECT MD5('é') AS hash; SET NAMES utf8mb4;
     SET timestamp = 1577836800; CREATE EVENT ended ON SCHEDULE EVERY 1 DAY ENDS '2020-01-03' DISABLE DO SELECT 1; SET timestamp = DEFAULT;
     DELIMITER $$
     CREATE TRIGGER child_in BEFORE INSERT ON child FOR EACH ROW BEGIN SET NEW.id = NEW.id + 0; /* ; */ END $$
     CREATE TRIGGER child_in2 BEFORE INSERT ON child FOR EACH ROW FOLLOWS child_in SET NEW.p = NEW.p $$
     CREATE DEFINER=exaadmin@localhost PROCEDURE deep() BEGIN
       -- DELIMITER ; in a comment
       SELECT 'USE mysql;', "\\\\";
     END $$
     DELIMITER ;
     CREATE EVENT sleeping ON SCHEDULE EVERY 1 SECOND DISABLE DO DELETE FROM exa_odd.parent;
     CREATE EVENT often ON SCHEDULE EVERY 1 HOUR STARTS '2031-01-01 00:00:00' COMMENT 'do it' DO SELECT 1;`,
  );
  await mariadb(to, `CREATE USER exaadmin@localhost; GRANT ALL ON \`exa\\_%\`.* TO exaadmin@localhost`);
});

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await Promise.all([from.stop(), to.stop()]);
});

async function dumped(database: string): Promise<string> {
  const file = join(dir, `${database}.sql`);
  await exportToFile(from.config, database, selector, file);
  return file;
}

const importUsers = () => mariadb(to, "SELECT User FROM mysql.user WHERE User LIKE 'holdfast%'");
const leftDatabases = () => mariadb(to, "SHOW DATABASES LIKE 'holdfast%'");

describe('importing MariaDB databases into another server', () => {
  it.each(['exa_wp', 'exa_shop', 'exa_odd'])('brings back everything of %s', async (database) => {
    const file = await dumped(database);
    const context = await contextOf(to.config, selector, dir);

    const report = await runImport(context, file, database);

    expect(report).toMatchObject({ database, replaced: false, kept: null });
    expect(await describeMariadb(to, database)).toBe(await describeMariadb(from, database));
    expect(await importUsers()).toBe('');
    expect(await leftDatabases()).toBe('');
  });

  it('makes objects act as a user of the account, never as the administrator', async () => {
    const definers = await mariadb(
      to,
      `SELECT DISTINCT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA LIKE 'exa%' UNION
       SELECT DISTINCT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA LIKE 'exa%' UNION
       SELECT DISTINCT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA LIKE 'exa%' UNION
       SELECT DISTINCT DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA LIKE 'exa%'`,
    );
    expect(definers).toBe('exaadmin@localhost\n');
  });

  it('takes numbers from the imported sequence', async () => {
    await mariadb(
      to,
      'INSERT INTO exa_odd.numbered (f) VALUES (1); DELETE FROM exa_odd.numbered WHERE f = 1',
    );
    expect(
      await mariadb(
        to,
        'SELECT COLUMN_DEFAULT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "exa_odd" AND COLUMN_NAME = "id" AND TABLE_NAME = "numbered"',
      ),
    ).toContain('exa_odd');
  });

  it('keeps the history of system-versioned tables', async () => {
    const count = 'SELECT COUNT(*) FROM exa_odd.versioned FOR SYSTEM_TIME ALL';
    expect(await mariadb(to, count)).toBe(await mariadb(from, count));
  });

  it('keeps the values of literals in the character set that an object was written in', async () => {
    const hashes = 'SELECT exa_odd.hashed(); SELECT hash FROM exa_odd.e_hashed';
    expect(await mariadb(to, hashes)).toBe(await mariadb(from, hashes));
  });
});

describe('replacing a live MariaDB database', () => {
  it('exchanges it, keeps the old one, and brings that back', async () => {
    const file = join(dir, 'exa_odd.sql');
    await mariadb(
      to,
      `USE exa_odd; INSERT INTO parent VALUES (77); CREATE TABLE newer (a INT); DROP VIEW a_second; CREATE FUNCTION mine() RETURNS INT RETURN 9;
       CREATE USER exa_app@localhost; GRANT EXECUTE ON FUNCTION exa_odd.double_of TO exa_app@localhost;
       GRANT SELECT ON exa_odd.parent TO exa_app@localhost;`,
    );
    const before = await describeMariadb(to, 'exa_odd', true);
    const context = await contextOf(to.config, selector, dir);

    const report = await runImport(context, file, 'exa_odd', { place: { kind: 'replace' } });

    expect(report.replaced).toBe(true);
    expect(report.warnings).toContainEqual({
      code: 'event-over',
      database: 'exa_odd',
      message: expect.stringMatching(/^the time of event "ended" is over: it is kept, disabled/),
    });
    expect(await describeMariadb(to, 'exa_odd')).toBe(await describeMariadb(from, 'exa_odd'));
    expect(await mariadb(to, 'SHOW GRANTS FOR exa_app@localhost')).toContain('EXECUTE');
    expect(await leftDatabases()).toBe(`${report.kept}\n`);

    const undone = await runUndo(context, 'exa_odd');
    expect(await describeMariadb(to, 'exa_odd', true)).toBe(before);
    expect(await leftDatabases()).toBe(`${undone.kept}\n`);

    await runUndo(context, 'exa_odd');
    expect(await describeMariadb(to, 'exa_odd')).toBe(await describeMariadb(from, 'exa_odd'));

    // Somebody drops what is live: what is kept is brought back all the same, with all its objects.
    await mariadb(to, 'DROP DATABASE exa_odd');
    expect(await runUndo(context, 'exa_odd')).toMatchObject({ replaced: false, kept: null });
    expect(await describeMariadb(to, 'exa_odd', true)).toBe(before);
    expect(await leftDatabases()).toBe('');
  });

  it('does not bring single tables back where all around them is gone', async () => {
    const context = await contextOf(to.config, selector, mkdtempSync(join(dir, 'single-')));
    await mariadb(to, 'CREATE OR REPLACE DATABASE exa_single; CREATE TABLE exa_single.t (a INT)');
    const file = join(dir, 'single.sql');
    writeFileSync(file, 'CREATE TABLE t (b INT);\n');
    await runImport(context, file, 'exa_single', { place: { kind: 'replace' }, tables: ['t'] });
    await mariadb(to, 'DROP DATABASE exa_single');
    await expect(runUndo(context, 'exa_single')).rejects.toMatchObject({
      code: 'IMPORT_REFUSED',
      message: 'database "exa_single" is gone, and of it only "t" is kept',
    });
  });
});
