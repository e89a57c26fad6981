/** Where imported MariaDB databases lie, single tables of them, and how long replaced ones are kept. */

import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseWarning } from '../../../../src/core/contracts/database.ts';
import { tryDrops } from '../../../../src/core/databases/mysql/import-objects.ts';
import { openSession } from '../../../../src/core/databases/mysql/session.ts';
import {
  contextOf,
  exportToFile,
  importSignal,
  makeImportDirectory,
  runImport,
  runUndo,
  selectorOf,
} from '../../../support/imports.ts';
import { type MariadbServer, mariadb, startMariadb } from '../../../support/mariadb.ts';

const selector = selectorOf('mysql', 'exa_', 'exaadmin');
let server: MariadbServer;
let dir: string;
let file: string;

beforeAll(async () => {
  server = await startMariadb();
  dir = makeImportDirectory();
  file = join(dir, 'dump.sql');
  writeFileSync(
    file,
    `-- Host: localhost    Database: exa_live
CREATE TABLE a (x INT);\nINSERT INTO a VALUES (1),(2);\nCREATE TABLE b (x INT PRIMARY KEY);\nINSERT INTO b VALUES (10);
CREATE TABLE c (p INT, FOREIGN KEY (p) REFERENCES b (x));\nCREATE TRIGGER a_in BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 5;\n`,
  );
});

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await server.stop();
});

const live = `DROP DATABASE IF EXISTS exa_live; CREATE DATABASE exa_live; USE exa_live;
  CREATE TABLE a (x INT); INSERT INTO a VALUES (9); CREATE TABLE b (x INT PRIMARY KEY); CREATE TABLE c (p INT, FOREIGN KEY (p) REFERENCES b (x));
  CREATE TABLE mine (y INT); CREATE VIEW seen AS SELECT x FROM a; CREATE TRIGGER old_in BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 6`;
const kept = () => mariadb(server, "SHOW DATABASES LIKE 'holdfast%'");
const replace = { place: { kind: 'replace' } } as const;

describe('single tables', () => {
  it('replace those of their name and leave the rest, and come back by undo', async () => {
    await mariadb(server, live);
    const context = await contextOf(server.config, selector, dir);

    const report = await runImport(context, file, 'exa_live', { ...replace, tables: ['a'] });

    expect(report.tables).toEqual([{ name: 'a', rows: 2 }]);
    const content =
      'USE exa_live; SELECT COUNT(*) FROM a; SELECT COUNT(*) FROM seen; SHOW TABLES; SELECT TRIGGER_NAME FROM information_schema.TRIGGERS';
    expect(await mariadb(server, content)).toBe('2\n2\na\nb\nc\nmine\nseen\na_in\n');

    await runUndo(context, 'exa_live');
    expect(await mariadb(server, content)).toBe('1\n1\na\nb\nc\nmine\nseen\nold_in\n');
  });

  it('are refused where a foreign key would be torn, and the live ones stay', async () => {
    await mariadb(server, live);
    const context = await contextOf(server.config, selector, dir);
    await expect(runImport(context, file, 'exa_live', { ...replace, tables: ['b'] })).rejects.toMatchObject({
      code: 'IMPORT_REFUSED',
    });
    expect(await mariadb(server, 'SELECT COUNT(*) FROM exa_live.a')).toBe('1\n');
    await runImport(context, file, 'exa_live', { ...replace, tables: ['b', 'c'] });
    expect(await mariadb(server, 'SELECT COUNT(*) FROM exa_live.b; SHOW TABLES IN exa_live')).toBe(
      '1\na\nb\nc\nmine\nseen\n',
    );
  });

  it('are refused where a table of another database leads to them, and so is the whole database', async () => {
    await mariadb(
      server,
      `${live}; CREATE OR REPLACE DATABASE \`exa_o-ther\`; CREATE TABLE \`exa_o-ther\`.child (p INT, FOREIGN KEY (p) REFERENCES exa_live.b (x))`,
    );
    const context = await contextOf(server.config, selector, dir);
    const refused = {
      code: 'IMPORT_REFUSED',
      message: 'table "exa_o-ther.child" has a foreign key to "exa_live.b", which would be replaced',
    };
    await expect(runImport(context, file, 'exa_live', replace)).rejects.toMatchObject(refused);
    const both = { ...replace, tables: ['b', 'c'] };
    await expect(runImport(context, file, 'exa_live', both)).rejects.toMatchObject(refused);
    await runImport(context, file, 'exa_live', { ...replace, tables: ['a'] });
    await mariadb(server, 'DROP DATABASE `exa_o-ther`');
  });

  it('come beside without keys to tables that do not', async () => {
    const context = await contextOf(server.config, selector, mkdtempSync(join(dir, 'torn-')));
    await mariadb(server, live);
    const dump = join(dir, 'torn.sql');
    await exportToFile(server.config, 'exa_live', selector, dump);
    const report = await runImport(context, dump, 'exa_live', { place: { kind: 'beside' }, tables: ['c'] });

    expect(report.warnings).toEqual([
      {
        code: 'key-left-out',
        database: report.database,
        message: expect.stringMatching(/^foreign key "c_ibfk_1" of table "c" .*REFERENCES `b` \(`x`\)$/),
      },
    ]);
    const shown = await mariadb(
      server,
      `SHOW CREATE TABLE ${report.database}.c; DROP DATABASE ${report.database}`,
    );
    expect(shown).not.toContain('REFERENCES');
  });

  it('that the dump does not have are an error', async () => {
    const context = await contextOf(server.config, selector, dir);
    await expect(
      runImport(context, file, 'exa_live', { ...replace, tables: ['nope'] }),
    ).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
  });
});

describe('a foreign key to a table that is not there', () => {
  it('leads into its own database, live, kept and brought back', async () => {
    const context = await contextOf(server.config, selector, mkdtempSync(join(dir, 'orphans-')));
    const orphan = (value: number): string =>
      `CREATE TABLE c (p INT, CONSTRAINT \`to,(p\` FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE) WITH SYSTEM VERSIONING;\nINSERT INTO c VALUES (${value});\n`;
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE exa_orphan; USE exa_orphan; SET foreign_key_checks = 0; ${orphan(1)}`,
    );
    const dump = join(dir, 'orphan.sql');
    // The second as an import of an older version has left it.
    const old = 'CREATE TABLE d (q INT, FOREIGN KEY (q) REFERENCES `holdfast_new_0123456789ab`.`q` (id));\n';
    writeFileSync(
      dump,
      `-- Host: localhost    Database: exa_orphan\nSET foreign_key_checks = 0;\n${orphan(2)}${old}`,
    );
    const keys = () =>
      mariadb(
        server,
        "SELECT FOR_NAME, REF_NAME FROM information_schema.INNODB_SYS_FOREIGN WHERE CONCAT(FOR_NAME, ' ', REF_NAME) LIKE '%exa_orphan/%' ORDER BY 1",
      );
    const before = await keys();

    expect((await runImport(context, dump, 'exa_orphan', replace)).warnings).toEqual([]);
    expect(await keys()).toBe(`${before}exa_orphan/d\texa_orphan/q\n`);
    await runUndo(context, 'exa_orphan');
    expect(await keys()).toBe(before);
    expect(await mariadb(server, 'SELECT p FROM exa_orphan.c; DROP DATABASE exa_orphan')).toBe('1\n');
  });
});

describe('a load that fails', () => {
  it.each([
    [
      'a row too many',
      'CREATE TABLE a (x INT PRIMARY KEY);\nINSERT IGNORE INTO a VALUES (1);\nCREATE TABLE b (x INT);\nINSERT INTO b VALUES (1),(2);\nCREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW DELETE FROM b;\nINSERT INTO a VALUES (2);\n',
    ],
    ['a statement the server refuses', 'CREATE TABLE a (x INT);\nINSERT INTO a VALUES (1),(2,3);\n'],
  ])('for %s leaves the live one and nothing of its own', async (_, sql) => {
    await mariadb(server, live);
    const before = await kept();
    const bad = join(dir, 'bad.sql');
    writeFileSync(bad, sql);
    const context = await contextOf(server.config, selector, dir);
    await expect(runImport(context, bad, 'exa_live', replace)).rejects.toMatchObject({
      code: 'IMPORT_FAILED',
    });
    expect(await mariadb(server, 'SELECT x FROM exa_live.a; SHOW TABLES IN exa_live')).toBe(
      '9\na\nb\nc\nmine\nseen\n',
    );
    expect(await kept()).toBe(before);
  });
});

describe('an exchange that cannot get its locks', () => {
  it('is undone: triggers, views and rows are as they were', async () => {
    await mariadb(server, live);
    const before = await kept();
    const holder = await createConnection({ socketPath: server.config.socket, user: 'root' });
    await holder.query('START TRANSACTION');
    await holder.query('SELECT * FROM exa_live.b');
    const context = await contextOf(server.config, selector, dir);

    await expect(runImport(context, file, 'exa_live', replace)).rejects.toMatchObject({
      code: 'IMPORT_FAILED',
      message: expect.stringContaining('could not be exchanged'),
    });

    await holder.end();
    const objects = 'SELECT x FROM exa_live.seen; SELECT TRIGGER_NAME FROM information_schema.TRIGGERS';
    expect(await mariadb(server, objects)).toBe('9\nold_in\n');
    expect(await kept()).toBe(before);
  });
});

describe('a dump that is cut between two statements', () => {
  it('is refused', async () => {
    const cut = join(dir, 'cut.sql');
    writeFileSync(
      cut,
      '-- MariaDB dump 10.19\n-- Host: localhost    Database: exa_cut\n\nCREATE TABLE a (x INT);\n',
    );
    const context = await contextOf(server.config, selector, dir);
    await expect(runImport(context, cut, 'exa_cut')).rejects.toMatchObject({ code: 'IMPORT_REFUSED' });
    expect(await mariadb(server, "SHOW DATABASES LIKE 'exa_cut'")).toBe('');
  });
});

describe('what was replaced', () => {
  it('is dropped by the next import once its time is over', async () => {
    await mariadb(server, live);
    const stateDir = join(dir, 'expiry');
    mkdirSync(stateDir, { recursive: true });
    const first = await runImport(
      await contextOf(server.config, selector, stateDir),
      file,
      'exa_live',
      replace,
    );
    expect(await kept()).toContain(`${first.kept}\n`);

    const later = () => Date.now() + 3_700_000;
    const context = await contextOf(server.config, selector, stateDir, () => {}, later);
    const second = await runImport(context, file, 'exa_live', replace);

    expect(await kept()).not.toContain(`${first.kept}\n`);
    expect(await kept()).toContain(`${second.kept}\n`);
  });
});

describe("a database that lies in the account's directory", () => {
  it('is replaced by one that lies there too, with the same owner, and so is what is kept', async () => {
    await mariadb(server, live);
    const place = join(server.dir, 'shadow');
    mkdirSync(place, { recursive: true });
    const data = join(server.dir, 'data');
    renameSync(join(data, 'exa_live'), join(place, 'exa_live'));
    symlinkSync(join(place, 'exa_live'), join(data, 'exa_live'));
    const model = lstatSync(join(place, 'exa_live'));
    const context = await contextOf(server.config, selector, dir);

    const report = await runImport(context, file, 'exa_live', replace);

    const link = join(data, report.kept ?? '');
    expect(readlinkSync(link)).toBe(join(place, report.kept ?? ''));
    expect(lstatSync(join(place, report.kept ?? ''))).toMatchObject({
      uid: model.uid,
      gid: model.gid,
      mode: model.mode,
    });
    expect(await mariadb(server, 'SELECT COUNT(*) FROM exa_live.a')).toBe('2\n');
    await runUndo(context, 'exa_live');
    expect(await mariadb(server, 'SELECT COUNT(*) FROM exa_live.a')).toBe('1\n');
    expect(readlinkSync(join(data, 'exa_live'))).toBe(join(place, 'exa_live'));

    // Dropped by hand, what is kept comes back to the same place, and nothing is kept in its turn.
    await mariadb(server, 'DROP DATABASE exa_live').catch(() => {});
    for (const at of [place, data]) rmSync(join(at, 'exa_live'), { recursive: true, force: true });
    expect(await runUndo(context, 'exa_live')).toMatchObject({ replaced: false, kept: null });
    expect(await mariadb(server, 'SELECT COUNT(*) FROM exa_live.a')).toBe('2\n');
    expect(readlinkSync(join(data, 'exa_live'))).toBe(join(place, 'exa_live'));
  });
});

describe('a dump of what is seldom in one', () => {
  const load = async (database: string, sql: string | Buffer): Promise<unknown> => {
    const odd = join(dir, 'odd.sql');
    const head = `-- Host: localhost    Database: ${database}\n`;
    writeFileSync(odd, Buffer.concat([Buffer.from(head), Buffer.from(sql), Buffer.from('\n')]));
    return await runImport(await contextOf(server.config, selector, dir), odd, database, replace);
  };

  it('keeps sequences inside the expressions of defaults', async () => {
    await mariadb(server, 'CREATE OR REPLACE DATABASE exa_seq');
    await load(
      'exa_seq',
      `CREATE SEQUENCE inv START WITH 7; CREATE TABLE bill (id INT DEFAULT NEXTVAL(inv), t VARCHAR(90) DEFAULT '\`holdfast_new_\`.', n VARCHAR(90) DEFAULT (CONCAT('INV-\`exa_seq\`.', NEXTVAL(\`exa_seq\`.\`inv\`))));`,
    );
    await mariadb(server, "INSERT INTO exa_seq.bill (t) VALUES ('a')");
    expect(await mariadb(server, 'SELECT n FROM exa_seq.bill')).toMatch(/^INV-`exa_seq`\.[78]\n$/);
    const defaults =
      "SELECT COLUMN_DEFAULT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'exa_seq' AND COLUMN_NAME IN ('id', 'n')";
    expect(await mariadb(server, defaults)).not.toContain('holdfast');
  });

  it('brings packages back, in the place of others, with the rights on them', async () => {
    const made = (value: number) => `CREATE OR REPLACE DATABASE exa_pk; USE exa_pk;
      CREATE TABLE t (a INT); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = ${value};
      SET sql_mode=ORACLE;\nDELIMITER $$
      CREATE DEFINER=exaadmin@localhost PACKAGE pk AS FUNCTION f RETURN INT; END $$
      CREATE DEFINER=exaadmin@localhost PACKAGE BODY pk AS FUNCTION f RETURN INT AS BEGIN RETURN ${value}; END; END $$
      DELIMITER ;\nGRANT EXECUTE ON PACKAGE pk TO exaadmin@localhost;`;
    const shown = () =>
      mariadb(
        server,
        'USE exa_pk; SET sql_mode=ORACLE; SELECT pk.f(); INSERT INTO t VALUES (0); SELECT a FROM v',
      );
    await mariadb(server, made(1));
    const dump = join(dir, 'packages.sql');
    await exportToFile(server.config, 'exa_pk', selector, dump);
    await mariadb(server, made(2));
    const context = await contextOf(server.config, selector, mkdtempSync(join(dir, 'packages-')));

    await runImport(context, dump, 'exa_pk', replace);
    expect(await shown()).toBe('1\n1\n');
    expect(await mariadb(server, 'SHOW GRANTS FOR exaadmin@localhost')).toContain('PACKAGE `exa_pk`.`pk`');
    await runUndo(context, 'exa_pk');
    expect(await shown()).toBe('2\n2\n');
    await mariadb(server, 'DROP DATABASE exa_pk');
  });

  it('is refused while nothing is touched where the server drops no objects of some kind', async () => {
    const session = await openSession(server.config, importSignal);
    const kinds = [{ kind: 'view' }, { kind: 'package body' }, { kind: 'library' as 'view' }] as const;
    await expect(tryDrops(session, 'exa_live', kinds)).rejects.toMatchObject({
      code: 'IMPORT_REFUSED',
      message: expect.stringMatching(/^database "exa_live" holds a library, and the server drops none: /),
    });
    await session.close();
  });

  it('brings back tables whose history goes by transactions, without that', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE exa_aged; CREATE TABLE exa_aged.t (x INT, a BIGINT UNSIGNED GENERATED ALWAYS AS ROW START, b BIGINT UNSIGNED GENERATED ALWAYS AS ROW END,
       PERIOD FOR SYSTEM_TIME (a, b)) WITH SYSTEM VERSIONING; INSERT INTO exa_aged.t (x) VALUES (1), (7); UPDATE exa_aged.t SET x = 2 WHERE x = 1`,
    );
    const aged = join(dir, 'aged.sql');
    await exportToFile(server.config, 'exa_aged', selector, aged);
    await runImport(await contextOf(server.config, selector, dir), aged, 'exa_aged', replace);
    expect(await mariadb(server, 'SELECT x FROM exa_aged.t FOR SYSTEM_TIME ALL ORDER BY x')).toBe('2\n7\n');
  });

  it('takes tables that merge others', async () => {
    await mariadb(server, 'CREATE OR REPLACE DATABASE exa_merge');
    await load(
      'exa_merge',
      `CREATE TABLE m (a INT) ENGINE=MyISAM; INSERT INTO m VALUES (1),(2); CREATE TABLE mm (a INT) ENGINE=MRG_MyISAM UNION=(m);`,
    );
    expect(await mariadb(server, 'SELECT COUNT(*) FROM exa_merge.mm')).toBe('2\n');
  });

  it('brings back a row larger than the server takes in one packet, and leaves that setting as it was', async () => {
    const packet = 'SELECT @@GLOBAL.max_allowed_packet';
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE exa_wide; CREATE TABLE exa_wide.t (b LONGBLOB); INSERT INTO exa_wide.t VALUES (REPEAT(CHAR(200), 1200000));
       SET GLOBAL max_allowed_packet = 2097152`,
    );
    // What any user of the server can do costs nobody anything.
    const stranger = await createConnection({ socketPath: server.config.socket, user: 'root' });
    await stranger.query("SELECT GET_LOCK('holdfast_max_allowed_packet', 0)");
    try {
      const wide = join(dir, 'wide.sql');
      await exportToFile(server.config, 'exa_wide', selector, wide);
      await runImport(await contextOf(server.config, selector, dir), wide, 'exa_wide', replace);
      expect(await mariadb(server, 'SELECT LENGTH(b) FROM exa_wide.t')).toBe('1200000\n');
      expect(await mariadb(server, packet)).toBe('2097152\n');
    } finally {
      await stranger.end();
      await mariadb(server, 'SET GLOBAL max_allowed_packet = 16777216');
    }
  });

  it('gives a database that is gone the character set it had, and warns where nobody knows', async () => {
    const defaults =
      "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'exa_cs'";
    const context = await contextOf(server.config, selector, dir);
    const dump = join(dir, 'charset.sql');
    const imported = async (): Promise<readonly string[]> => {
      await mariadb(server, 'DROP DATABASE IF EXISTS exa_cs');
      const { warnings } = await runImport(context, dump, 'exa_cs');
      return [(await mariadb(server, defaults)).trim(), ...warnings.map(({ code }) => code)];
    };
    await mariadb(server, 'CREATE OR REPLACE DATABASE exa_cs CHARACTER SET latin2 COLLATE latin2_czech_cs');
    await mariadb(server, 'CREATE TABLE exa_cs.t (a VARCHAR(9))');
    await exportToFile(server.config, 'exa_cs', selector, dump);

    expect(await imported()).toEqual(['latin2_czech_cs']);
    writeFileSync(
      dump,
      'CREATE DATABASE exa_cs /*!40100 DEFAULT CHARACTER SET greek */; USE exa_cs; CREATE TABLE t (a INT);',
    );
    expect(await imported()).toEqual(['greek_general_ci']);
    writeFileSync(dump, '-- Host: localhost    Database: exa_cs\nCREATE TABLE t (a INT);');
    expect((await imported())[1]).toBe('charset-unknown');
    await mariadb(server, 'DROP DATABASE exa_cs');
  });

  it('says what cannot act where the account has no user, and that its grants come first', async () => {
    const mine = { ...selectorOf('mysql', 'new_', ''), admin: null };
    const views = `CREATE TABLE t (a INT); CREATE DEFINER=new_u@localhost SQL SECURITY DEFINER VIEW v AS SELECT a FROM t;`;
    const dump = join(dir, 'users.sql');
    const imported = async (sql: string): Promise<readonly DatabaseWarning[]> => {
      writeFileSync(dump, `-- Host: localhost    Database: new_db\n${sql}`);
      return (await runImport(await contextOf(server.config, mine, dir), dump, 'new_db')).warnings;
    };
    expect((await imported(views)).map(({ code }) => code)).toEqual(['charset-unknown', 'definer-replaced']);
    expect(await mariadb(server, 'SELECT * FROM new_db.v; DROP DATABASE new_db')).toBe('');

    const trigger = (at: number): string =>
      `CREATE DEFINER=new_u@localhost TRIGGER tr${at} BEFORE INSERT ON t FOR EACH ROW SET @a = 1;`;
    expect((await imported(`${views} ${trigger(1)} ${trigger(2)}`)).slice(2)).toMatchObject([
      {
        code: 'definer-missing',
        message: expect.stringMatching(
          /^trigger "tr1" and 1 more cannot act: .* "new_nobody"@"localhost", nor any other of the account\. Load its grants/,
        ),
      },
    ]);
    await mariadb(server, 'DROP DATABASE new_db');
  });

  beforeAll(async () => {
    await mariadb(server, 'CREATE USER exaadmin@localhost; GRANT ALL ON `exa\\_%`.* TO exaadmin@localhost');
  });
  afterAll(() => mariadb(server, 'DROP USER exaadmin@localhost'));

  it('comes without views into what is not there, or is not its own, and with them once it is', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE exa_ma; CREATE OR REPLACE DATABASE exa_mb; CREATE OR REPLACE DATABASE common;
       CREATE TABLE common.c (x INT); CREATE TABLE exa_ma.t (x INT); INSERT INTO exa_ma.t VALUES (7); CREATE TABLE exa_mb.t (x INT);
       CREATE VIEW exa_ma.v AS SELECT x FROM exa_mb.t; CREATE VIEW exa_mb.v AS SELECT x FROM exa_ma.t; CREATE VIEW exa_ma.u AS SELECT x FROM exa_ma.t;
       CREATE VIEW exa_ma.root_made AS SELECT x FROM common.c`,
    );
    const context = await contextOf(server.config, selector, mkdtempSync(join(dir, 'mutual-')));
    for (const name of ['exa_ma', 'exa_mb'])
      await exportToFile(server.config, name, selector, join(dir, name));
    await mariadb(server, 'DROP DATABASE exa_ma; DROP DATABASE exa_mb');
    const leftOut = async (name: string): Promise<readonly string[]> => {
      const { warnings } = await runImport(context, join(dir, name), name, replace);
      return warnings.filter(({ code }) => code === 'view-left-out').map(({ message }) => message);
    };

    expect(await leftOut('exa_ma')).toEqual([
      expect.stringMatching(
        /^view "root_made" is left out: .*denied.*; its text: .*VIEW `root_made` AS select .*`common`/,
      ),
      expect.stringMatching(/^view "v" is left out: .*`exa_mb`\.`t`/),
    ]);
    expect(await mariadb(server, 'SHOW TABLES IN exa_ma; SELECT x FROM exa_ma.u')).toBe('t\nu\n7\n');
    expect(await leftOut('exa_mb')).toEqual([]);
    expect(await leftOut('exa_ma')).toEqual([expect.stringMatching(/^view "root_made" /)]);
    expect(await mariadb(server, 'SELECT x FROM exa_mb.v; SHOW TABLES IN exa_ma')).toBe('7\nt\nu\nv\n');
  });

  it('keeps the bytes of views, whatever they are written in', async () => {
    await mariadb(server, 'CREATE OR REPLACE DATABASE exa_bytes');
    await load('exa_bytes', Buffer.from("SET NAMES latin1;\nCREATE VIEW v AS SELECT 'ä' AS a;", 'latin1'));
    expect(await mariadb(server, 'SELECT HEX(CONVERT(a USING ucs2)) FROM exa_bytes.v')).toBe('00E4\n');
  });

  it('is refused where nobody can open a view of it, and leaves nothing behind', async () => {
    await mariadb(server, 'CREATE OR REPLACE DATABASE exa_doubled');
    const before = await kept();
    const levels = Array.from({ length: 22 }, (_, at) => at + 1);
    const sql = `CREATE TABLE t (x INT); CREATE VIEW v0 AS SELECT x FROM t;
      ${levels.map((at) => `CREATE VIEW v${at} AS SELECT 1 AS x;`).join('')}
      ${levels.map((at) => `CREATE OR REPLACE VIEW v${23 - at} AS SELECT x FROM v${22 - at} UNION ALL SELECT x FROM v${22 - at};`).join('')}`;
    await expect(load('exa_doubled', sql)).rejects.toMatchObject({
      code: 'IMPORT_REFUSED',
      message: expect.stringMatching(/^view "v\d+" takes too long, or too much memory, to open$/),
    });
    expect(await kept()).toBe(before);
  });

  it('takes the place of a database with views that nobody can open, and undo names those', async () => {
    const levels = Array.from({ length: 22 }, (_, at) => at + 1);
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE exa_bomb; USE exa_bomb; CREATE TABLE t (x INT); INSERT INTO t VALUES (1); CREATE VIEW v0 AS SELECT x FROM t;
       ${levels.map((at) => `CREATE VIEW v${at} AS SELECT 1 AS x;`).join('')}
       ${levels.map((at) => `CREATE OR REPLACE VIEW v${23 - at} AS SELECT x FROM v${22 - at} UNION ALL SELECT x FROM v${22 - at};`).join('')}
       CREATE USER gone@localhost; GRANT ALL ON exa_bomb.* TO gone@localhost; CREATE DEFINER = gone@localhost FUNCTION one() RETURNS INT DETERMINISTIC RETURN 1;
       CREATE DEFINER = gone@localhost VIEW called AS SELECT one() AS x; DROP USER gone@localhost;`,
    );
    const context = await contextOf(server.config, selector, mkdtempSync(join(dir, 'bomb-')));
    const clean = join(dir, 'clean.sql');
    writeFileSync(
      clean,
      'CREATE TABLE t (x INT);\nINSERT INTO t VALUES (2),(3);\nCREATE VIEW v0 AS SELECT x FROM t;\n',
    );

    expect((await runImport(context, clean, 'exa_bomb', replace)).warnings).toEqual([]);
    expect(await mariadb(server, 'SHOW TABLES IN exa_bomb; SELECT COUNT(*) FROM exa_bomb.t')).toBe(
      't\nv0\n2\n',
    );

    const { warnings } = await runUndo(context, 'exa_bomb');
    expect(warnings.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(
        /^view "v22" is left out: it took the server too long.*; its text: CREATE VIEW `v22` AS select/,
      ),
    );
    expect(warnings.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(
        /^view "called" is left out: .*definer.* does not exist; its text: CREATE VIEW `called` AS select/,
      ),
    );
    expect(await mariadb(server, 'SELECT x FROM exa_bomb.t; SELECT x FROM exa_bomb.v0')).toBe('1\n1\n');
    await mariadb(server, 'DROP DATABASE exa_bomb');
  }, 120_000);

  it('is refused without a word of its rows', async () => {
    await mariadb(server, 'CREATE OR REPLACE DATABASE exa_torn');
    const failed = load('exa_torn', "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1, 'a secret word');");
    await expect(failed).rejects.toThrow(
      /^the dump could not be loaded: (mariadb|mysql) ended with status 1: ERROR 1136 [^|]*$/,
    );
    await expect(failed).rejects.not.toThrow('secret');
  });
});
