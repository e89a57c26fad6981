import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { DatabaseExport, ExportSet } from '../../../src/core/contracts/database.ts';
import type { DatabaseSelector } from '../../../src/core/contracts/panel.ts';
import { type DatabaseInstanceConfig, openDatabaseEngine } from '../../../src/core/databases/index.ts';
import { forgetLockWait, lockTables, unlockTables } from '../../../src/core/databases/mysql/barrier.ts';
import { findColumnLosses } from '../../../src/core/databases/mysql/column-losses.ts';
import { Patience } from '../../../src/core/databases/mysql/patience.ts';
import { openSession } from '../../../src/core/databases/mysql/session.ts';
import { clientsBelowUs, readBody, readExports, writeClient } from '../../support/clients.ts';
import { type MariadbServer, mariadb, startMariadb } from '../../support/mariadb.ts';

const signal = new AbortController().signal;
const oddNames = ['odd_a`b"c\'d', 'odd_-- x', 'odd_new\nline;', 'odd_ü€ $(id)', 'odd_a.b/c\\d'];
let server: MariadbServer;
let scripts: string;

beforeAll(async () => {
  server = await startMariadb();
  scripts = mkdtempSync(join(tmpdir(), 'hf-clients-'));
});

afterAll(async () => {
  rmSync(scripts, { recursive: true, force: true });
  await server.stop();
});

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

function open(config: Partial<DatabaseInstanceConfig> = {}) {
  return openDatabaseEngine({ ...server.config, ...config }, { now: () => performance.now() });
}

function selectorOf(prefix: string | null, admin: string | null = null): DatabaseSelector {
  return { family: 'mysql', prefix, admin, names: [] };
}

async function exportAll(
  databases: readonly string[],
  config: Partial<DatabaseInstanceConfig> = {},
  selector = selectorOf(null),
): Promise<ExportSet> {
  return await (await open(config)).exports({ databases, selector, signal });
}

async function exportOne(
  database: string,
  config: Partial<DatabaseInstanceConfig> = {},
): Promise<DatabaseExport> {
  const [only] = (await exportAll([database], config)).exports;
  if (only === undefined) throw new Error('nothing exported');
  return only;
}

describe('discovering MariaDB databases', () => {
  beforeAll(async () => {
    const names = ['exa_shop', 'exaorg_x', 'exa', 'EXA_upper', 'shared_by_grant', 'exaXshop', 'listed'];
    await mariadb(
      server,
      `${names.map((name) => `CREATE OR REPLACE DATABASE ${name};`).join('')}
       CREATE OR REPLACE USER exa@localhost; CREATE OR REPLACE USER exa@'%'; GRANT SELECT ON \`shared\\_by\\_grant\`.* TO exa@localhost;
       GRANT ALL ON \`exa_shop\`.* TO exa@localhost; GRANT ALL ON \`%\`.* TO exa@'%';
       CREATE OR REPLACE USER wild@localhost; GRANT ALL ON \`exa_%\`.* TO wild@localhost;`,
    );
  });

  it('takes a prefix literally', async () => {
    const found = await (await open()).discover({ selector: selectorOf('exa_'), signal });
    expect(found.map(({ name, matchedBy }) => [name, matchedBy])).toEqual([['exa_shop', 'prefix']]);
  });

  it('leaves what begins with the longer prefix of another account, whoever is granted it', async () => {
    const found = await (await open()).discover({
      selector: { ...selectorOf('ex', 'wild'), others: { prefixes: ['exa_', 'exaX'], admins: [] } },
      signal,
    });
    expect(found.map(({ name }) => name)).toEqual(['exa', 'exaorg_x']);
  });

  it('takes what the administrator is granted, but no grant on everything', async () => {
    const found = await (await open()).discover({ selector: selectorOf(null, 'exa'), signal });
    expect(found.map(({ name }) => name)).toEqual(['exa_shop', 'shared_by_grant']);
    const wild = await (await open()).discover({ selector: selectorOf(null, 'wild'), signal });
    expect(wild.map(({ name }) => name)).toEqual(['exa_shop']);
  });

  it('takes names given outright where they exist, and never a system database', async () => {
    const selector = { ...selectorOf('mys'), names: ['listed', 'gone', 'mysql', 'sys', 'LISTED'] };
    const found = await (await open()).discover({ selector, signal });
    expect(found.map(({ name, matchedBy }) => [name, matchedBy])).toEqual([['listed', 'name']]);
  });

  it('says which server does not answer', async () => {
    const engine = await open({ socket: '/nonexistent/sock' });
    const failed = engine.discover({ selector: selectorOf('x'), signal });
    await expect(failed).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
  });
});

describe('checking a MariaDB server', () => {
  it('describes server, client and privileges', async () => {
    const checks = await (await open()).check({ signal });
    expect(checks.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(checks.map(({ detail }) => detail).join()).toMatch(/server 1\d\.\d.*mariadb-dump/s);
  });

  it('reports what fails and does not reject', async () => {
    const checks = await (await open({ socket: '/nonexistent', clientPath: '/nonexistent' })).check({
      signal,
    });
    expect(checks.map(({ name, state }) => [name, state])).toEqual([
      ['connection', 'error'],
      ['client', 'error'],
    ]);
  });

  it('names privileges without which a dump would be short, and refuses to make it', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE narrow; CREATE TABLE narrow.t (i int);
       CREATE OR REPLACE USER reader@localhost IDENTIFIED BY 'r'; GRANT SELECT, LOCK TABLES ON *.* TO reader@localhost`,
    );
    const reader = { user: 'reader', password: 'r' };
    const checks = await (await open(reader)).check({ signal });
    expect(checks.find(({ name }) => name === 'privileges')).toMatchObject({ state: 'error' });
    const { body } = await exportOne('narrow', reader);
    await expect(readBody(body)).rejects.toMatchObject({
      code: 'EXPORT_FAILED',
      message: expect.stringContaining('SHOW VIEW, TRIGGER, EVENT'),
    });
  });
});

describe('exporting MariaDB databases', () => {
  it('keeps every kind of object through a restore', async () => {
    await mariadb(server, everyKind);
    const first = await readBody((await exportOne('kinds')).body);
    await mariadb(server, 'CREATE OR REPLACE DATABASE kinds2');
    await mariadb(server, first, 'kinds2');
    const second = await readBody((await exportOne('kinds2')).body);
    expect(second.toString().replace(/(Database: |for database ')kinds2/g, '$1kinds')).toBe(first.toString());
    expect(first.toString()).toMatch(
      /row_start[\s\S]*CREATE.*EVENT[\s\S]*CREATE.*PROCEDURE[\s\S]*-- Dump completed\nSELECT[\s\S]*VIEW `v` AS select/,
    );
  });

  it('is the same bytes for the same data', async () => {
    await mariadb(
      server,
      'CREATE OR REPLACE DATABASE same; CREATE TABLE same.t (i int); INSERT INTO same.t VALUES (1),(2)',
    );
    const [one, two] = [await exportOne('same'), await exportOne('same')];
    expect(await readBody(one.body)).toEqual(await readBody(two.body));
  });

  it('handles names that hold quotes, dashes, newlines and dots', async () => {
    for (const name of oddNames) {
      const db = quote(name);
      await mariadb(
        server,
        `CREATE OR REPLACE DATABASE ${db}; CREATE TABLE ${db}.${db} (v text); INSERT INTO ${db}.${db} VALUES ('here');
         CREATE TABLE ${db}.g (i int); CREATE VIEW ${db}.\`v.\`\`'"\n-x\` AS SELECT * FROM ${db}.g; DROP TABLE ${db}.g;`,
      );
    }
    await mariadb(
      server,
      'CREATE OR REPLACE DATABASE `--help`; CREATE TABLE `--help`.t AS SELECT 7 AS seven',
    );
    const found = await (await open()).discover({ selector: selectorOf('odd_'), signal });
    expect(found.map(({ name }) => name)).toEqual([...oddNames].sort());
    const set = await exportAll([...oddNames, '--help']);
    expect(set.consistency).toBe('barrier');
    const dumps = await readExports(set.exports);
    expect(dumps.get('--help')?.toString()).toContain('(7)');
    await mariadb(server, 'CREATE OR REPLACE DATABASE odd_target');
    for (const name of oddNames) {
      await mariadb(server, dumps.get(name) ?? '', 'odd_target');
      expect(await mariadb(server, `SELECT v FROM ${quote(name)}`, 'odd_target')).toBe('here\n');
    }
  });

  it('keeps the rest of a database with broken views, and their text beside', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE broken; USE broken; CREATE TABLE kept (i int); CREATE TABLE gone (i int);
       CREATE VIEW good AS SELECT * FROM kept; CREATE VIEW bad AS SELECT * FROM gone;
       CREATE VIEW worse AS SELECT * FROM bad; CREATE DEFINER=nobody@nowhere VIEW orphan AS SELECT * FROM kept; DROP TABLE gone`,
    );
    const set = await exportAll(['broken', 'same']);
    expect(set.consistency).toBe('barrier');
    const dumps = await readExports(set.exports);
    expect(dumps.get('broken')?.toString()).toMatch(/CREATE TABLE `kept`[\s\S]*VIEW `good`/);
    const { warnings, besides } = (await set.exports[0]?.result()) ?? { warnings: [], besides: [] };
    expect(warnings.map(({ code, database }) => [code, database])).toContainEqual(['view-broken', 'broken']);
    const text = besides.find(({ suffix }) => suffix === 'broken-views.sql')?.text;
    expect(text).toMatch(/VIEW `broken`.`bad` AS select[\s\S]*VIEW `broken`.`worse`/);
  });

  it('treats views that nobody can open for lack of time and memory as broken, and loses nothing else', async () => {
    const levels = Array.from({ length: 22 }, (_, at) => at + 1);
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE doubled; USE doubled; CREATE TABLE kept (x int); CREATE VIEW v0 AS SELECT x FROM kept;
       ${levels.map((at) => `CREATE VIEW v${at} AS SELECT 1 AS x;`).join('')}
       ${levels.map((at) => `CREATE OR REPLACE VIEW v${23 - at} AS SELECT x FROM v${22 - at} UNION ALL SELECT x FROM v${22 - at};`).join('')}`,
    );
    const found = await (await open()).discover({ selector: selectorOf('doubled'), signal });
    expect(found.map(({ name }) => name)).toEqual(['doubled']);
    const only = await exportOne('doubled');
    expect((await readBody(only.body)).toString()).toMatch(/CREATE TABLE `kept`[\s\S]*VIEW `v1` /);
    const { warnings, besides } = await only.result();
    expect(warnings).toContainEqual({
      code: 'view-broken',
      database: 'doubled',
      message: expect.stringContaining('view "v22" cannot be dumped'),
    });
    expect(besides[0]?.text).toMatch(/CREATE VIEW `v22` AS select/);
    await mariadb(server, 'DROP DATABASE doubled');
  }, 120_000);

  it('locks tables that lie outside the transaction until their dump has ended, and names them', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE mixed; USE mixed; CREATE TABLE a_large (v text); CREATE TABLE i (a int); CREATE TABLE m (a int) ENGINE=MyISAM;
       INSERT INTO a_large SELECT REPEAT('x', 60000) FROM seq_1_to_200; INSERT INTO m VALUES (1)`,
    );
    const only = await exportOne('mixed');
    const written: string[] = [];
    const writer = mariadb(server, 'INSERT INTO mixed.m VALUES (2)').then(() => written.push('m'));
    await mariadb(server, 'INSERT INTO mixed.i VALUES (2)');
    const waiting =
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO mixed.m %' AND STATE LIKE 'Waiting%'";
    await expect.poll(async () => (await mariadb(server, waiting)).trim(), { timeout: 20_000 }).toBe('1');
    expect(written).toEqual([]);
    const dump = await readBody(only.body);
    await writer;
    const { warnings, lockedTables } = await only.result();
    expect({ warnings, lockedTables }).toEqual({ warnings: [], lockedTables: ['m'] });
    expect(dump.toString()).toContain('INSERT INTO `m` VALUES\n(1);');
  });

  it('names them where the connection that has the locks was ended meanwhile', async () => {
    const only = await exportOne('mixed');
    // The dump itself has chosen its database by now.
    const holders = "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Sleep' AND DB IS NULL";
    for (const id of (await mariadb(server, holders)).split('\n').filter(Boolean))
      await mariadb(server, `KILL ${id}`).catch(() => {});
    await readBody(only.body);
    const { warnings, lockedTables } = await only.result();
    expect(lockedTables).toEqual([]);
    expect(warnings).toMatchObject([{ code: 'table-not-transactional' }]);
  });

  it('names them where the user may not lock them', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE USER unlocked@localhost IDENTIFIED BY 'n'; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO unlocked@localhost`,
    );
    const only = await exportOne('mixed', { user: 'unlocked', password: 'n' });
    await readBody(only.body);
    const { warnings, lockedTables } = await only.result();
    expect(lockedTables).toEqual([]);
    expect(warnings).toMatchObject([
      { code: 'table-not-transactional', message: expect.stringContaining('"m" (MyISAM)') },
    ]);
  });

  it('gives those locks up where somebody waits for the tables in front of the dump', async () => {
    const only = await exportOne('mixed');
    const waiting = mariadb(server, 'ALTER TABLE mixed.m ADD COLUMN IF NOT EXISTS b int');
    const waits =
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'ALTER TABLE mixed.m%' AND STATE LIKE 'Waiting%'";
    await vi.waitFor(async () => expect(await mariadb(server, waits)).toBe('1\n'), 20_000);
    const dump = await readBody(only.body);
    await waiting;
    const { warnings, lockedTables } = await only.result();
    expect(dump.toString()).toContain('-- Dump completed');
    expect(lockedTables).toEqual([]);
    expect(warnings).toMatchObject([{ code: 'table-not-transactional' }]);
  });

  it('reports FLOAT columns that lose digits, and only those', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE floats; CREATE TABLE floats.t (exact float, tiny float, wide double);
       INSERT INTO floats.t VALUES (0.1, 1.1754943508222875e-38, 1.1754943508222875e-38), (7.25, 2, 2)`,
    );
    const only = await exportOne('floats');
    await readBody(only.body);
    expect((await only.result()).warnings).toEqual([
      { code: 'float-rounded', database: 'floats', message: expect.stringMatching(/: "t\.tiny"$/) },
    ]);
  });

  it('counts a FLOAT as rounded whose values take too long to look at', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE slow; USE slow; CREATE TABLE t (a INT, f FLOAT AS (0 * CRC32(REPEAT('x', 16000000))) VIRTUAL);
       INSERT INTO t (a) SELECT seq FROM seq_1_to_2000`,
    );
    const session = await openSession(server.config, signal);
    const patience = new Patience({ eachSeconds: 0.2, allMs: 60_000, now: () => performance.now() });
    expect(await findColumnLosses(session, 'slow', patience)).toMatchObject([
      { code: 'float-rounded', message: expect.stringMatching(/: "t\.f"$/) },
    ]);
    await session.close();
  });

  it('exports a database with a history that the client cannot write, and says that it lacks that', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE aged; USE aged; CREATE TABLE plain (x INT) WITH SYSTEM VERSIONING; CREATE TABLE precise
       (x INT, a BIGINT UNSIGNED GENERATED ALWAYS AS ROW START, b BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (a, b))
       WITH SYSTEM VERSIONING; INSERT INTO precise (x) VALUES (1); UPDATE precise SET x = 2`,
    );
    const only = await exportOne('aged');
    expect((await readBody(only.body)).toString()).toMatch(/INSERT INTO `precise` VALUES\s*\(2,/);
    expect((await only.result()).warnings).toMatchObject([
      { code: 'history-lost', message: expect.stringContaining('none beside that of "precise"') },
    ]);
  });

  it('reports text that has no place in Unicode, and only that', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE texts; USE texts;
       CREATE TABLE t (a VARCHAR(20) CHARACTER SET ascii, s VARCHAR(20) CHARACTER SET sjis, fine TEXT CHARACTER SET sjis,
         c VARCHAR(9) CHARACTER SET cp1251, l VARCHAR(9) CHARACTER SET latin1, u VARCHAR(9)) WITH SYSTEM VERSIONING;
       CREATE VIEW v AS SELECT a FROM t; INSERT INTO t VALUES ('ok', x'8740', x'82A0', x'E0', x'E4', 'ä'), (x'6d817665', 'a', 'b', 'c', 'd', 'e'), (NULL, NULL, NULL, x'98', x'81', NULL);
       DELETE FROM t WHERE c = x'98'`,
    );
    const only = await exportOne('texts');
    await readBody(only.body);
    expect((await only.result()).warnings).toEqual([
      { code: 'text-lossy', database: 'texts', message: expect.stringMatching(/: "t\.a", "t\.s", "t\.c"$/) },
    ]);
  });

  it('refuses a database where leaving out a broken view would leave out a table as well', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE alike; USE alike; CREATE TABLE orders (a int); CREATE TABLE gone (a int);
       CREATE VIEW Örders AS SELECT * FROM gone; DROP TABLE gone`,
    );
    const only = await exportOne('alike');
    await expect(readBody(only.body)).rejects.toMatchObject({
      code: 'EXPORT_FAILED',
      message: expect.stringContaining('view "Örders" is broken, and the client would leave out "orders"'),
    });
    await mariadb(server, 'DROP DATABASE alike');
  });

  it("names objects that act as users who are not the account's", async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE def_a; USE def_a; CREATE TABLE t (i int); CREATE OR REPLACE USER def_owner@localhost;
       CREATE DEFINER=def_owner@localhost VIEW own AS SELECT 1; CREATE DEFINER=root@localhost VIEW foreign_view AS SELECT 1;
       CREATE DEFINER=root@localhost SQL SECURITY INVOKER VIEW harmless AS SELECT 1;
       CREATE DEFINER='a@b'@'%' TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET @x = 1`,
    );
    const { exports } = await exportAll(['def_a'], {}, selectorOf('def_'));
    await readBody(exports[0]!.body);
    const { warnings, notes } = await exports[0]!.result();
    expect(warnings).toEqual([]);
    expect(notes).toMatchObject([{ code: 'definer-foreign', database: 'def_a' }]);
    expect(notes![0]!.message).toMatch(/: trigger "tr" as "a@b@%", view "foreign_view" as "root@localhost"$/);
  });

  it('lets one missing database fail alone', async () => {
    const { exports } = await exportAll(['same', 'vanished']);
    expect((await readBody(exports[0]?.body ?? empty())).length).toBeGreaterThan(100);
    await expect(exports[1]?.result()).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
    await expect(readBody(exports[1]?.body ?? empty())).rejects.toThrow('there is no such database');
  });

  it('dumps sixty databases side by side', async () => {
    const names = Array.from({ length: 60 }, (_, at) => `many_${String(at).padStart(2, '0')}`);
    await mariadb(
      server,
      names
        .map((name) => `CREATE OR REPLACE DATABASE ${name}; CREATE TABLE ${name}.t AS SELECT 1 a;`)
        .join(''),
    );
    const set = await exportAll(names);
    expect(set.consistency).toBe('barrier');
    expect(set.lockHeldMs).toBeGreaterThan(0);
    expect((await readExports(set.exports)).size).toBe(60);
  });
});

describe('the instant of MariaDB exports', () => {
  beforeAll(async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE pair_a; CREATE OR REPLACE DATABASE pair_b; CREATE TABLE pair_a.t (id int PRIMARY KEY);
       CREATE TABLE pair_b.t (id int PRIMARY KEY); CREATE OR REPLACE DATABASE pair_c; USE pair_c; CREATE TABLE pair_c.filler (v text);
       INSERT INTO pair_c.filler SELECT REPEAT('x', 500) FROM seq_1_to_500;`,
    );
  });

  async function whileWriting<T>(work: () => Promise<T>): Promise<T> {
    const connection = await createConnection({ socketPath: server.config.socket, user: 'root' });
    let writing = true;
    const writer = (async () => {
      const [rows] = await connection.query('SELECT COALESCE(MAX(id), 0) AS last FROM pair_a.t');
      let id = (rows as { last: number }[])[0]?.last ?? 0;
      while (writing) {
        id += 1;
        await connection.query('BEGIN');
        await connection.query('INSERT INTO pair_a.t VALUES (?)', [id]);
        await connection.query('INSERT INTO pair_b.t VALUES (?)', [id]);
        await connection.query('COMMIT');
      }
    })();
    try {
      return await work();
    } finally {
      writing = false;
      await writer;
      await connection.end();
    }
  }

  function lastId(dump: Buffer | undefined): number {
    return Math.max(0, ...[...(dump?.toString() ?? '').matchAll(/^\((\d+)\)/gm)].map(([, id]) => Number(id)));
  }

  it('is one for all databases of an account while pairs are written', async () => {
    const pairs = await whileWriting(async () => {
      const seen: [number, number][] = [];
      for (let run = 0; run < 20; run += 1) {
        const set = await exportAll(['pair_a', 'pair_c', 'pair_b']);
        expect(set.consistency).toBe('barrier');
        const dumps = await readExports(set.exports);
        seen.push([lastId(dumps.get('pair_a')), lastId(dumps.get('pair_b'))]);
      }
      return seen;
    });
    expect(pairs.filter(([a, b]) => a !== b)).toEqual([]);
    expect(new Set(pairs.map(([a]) => a)).size).toBeGreaterThan(5);
  });

  it('differs without the barrier, so the trial above can fail', async () => {
    const differing = await whileWriting(async () => {
      let count = 0;
      for (let run = 0; run < 5; run += 1) {
        const [a, b] = [await exportOne('pair_a'), await exportOne('pair_b')];
        if (lastId(await readBody(a.body)) !== lastId(await readBody(b.body))) count += 1;
      }
      return count;
    });
    expect(differing).toBeGreaterThan(0);
  });

  it('comes from one joint dump where the tables cannot be locked', async () => {
    const holder = await createConnection({ socketPath: server.config.socket, user: 'root' });
    await holder.query('BEGIN');
    await holder.query('INSERT INTO pair_b.t VALUES (1000000000)');
    const set = await exportAll(['pair_a', 'pair_b']);
    await holder.query('ROLLBACK');
    await holder.end();
    expect(set).toMatchObject({ consistency: 'joint', lockHeldMs: 0 });
    expect(set.exports.map(({ databases }) => databases)).toEqual([['pair_a', 'pair_b']]);
    expect(set.warnings).toMatchObject([
      {
        code: 'export-joint',
        database: 'pair_a',
        message: expect.stringMatching(/^"pair_a", "pair_b" are in one export, since /),
      },
    ]);
    const [dump] = (await readExports(set.exports)).values();
    expect(dump?.toString()).toMatch(/^USE `pair_a`;[\s\S]*^USE `pair_b`;/m);
  });
});

describe('the barrier', () => {
  it('falls back to one joint dump for a user that may not lock', async () => {
    await mariadb(
      server,
      'CREATE OR REPLACE USER nolock@localhost; GRANT ALL ON *.* TO nolock@localhost; REVOKE LOCK TABLES ON *.* FROM nolock@localhost',
    );
    const set = await exportAll(['pair_a', 'pair_b'], { user: 'nolock' });
    expect(set.consistency).toBe('joint');
    expect((await readExports(set.exports)).size).toBe(1);
  });

  it('leaves out only the database whose tables cannot be opened', async () => {
    await mariadb(server, 'CREATE OR REPLACE DATABASE torn; CREATE TABLE torn.t (i int); FLUSH TABLES');
    writeFileSync(`${server.dir}/data/torn/t.frm`, 'garbage');
    const { consistency, exports, warnings } = await exportAll(['pair_a', 'torn', 'pair_b']);
    expect(consistency).toBe('barrier');
    expect(warnings.map(({ code, database }) => [code, database])).toEqual([['not-locked', 'torn']]);
    const [a, b, torn] = exports;
    expect((await readExports(exports.slice(0, 2))).size).toBe(2);
    expect([a?.databases, b?.databases, torn?.databases]).toEqual([['pair_a'], ['pair_b'], ['torn']]);
    await expect(readBody(torn?.body ?? empty())).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
  });

  it('leaves its session as it was, and ends one whose locks it has lost', async () => {
    const session = await openSession(server.config, signal);
    const patience = () => session.rows('SELECT @@lock_wait_timeout');
    const usual = await patience();
    await lockTables(session, [{ database: 'pair_a', tables: ['t'] }], signal);
    expect(await patience()).not.toEqual(usual);
    expect(await unlockTables(session)).toBe(true);
    await forgetLockWait(session);
    expect(await patience()).toEqual(usual);

    const [row] = await session.rows('SELECT CONNECTION_ID()');
    await mariadb(server, `KILL ${row?.[0]}`);
    expect(await unlockTables(session)).toBe(false);
    expect(session.isOpen).toBe(false);
    // A server that refuses while the connection lives keeps the locks until that ends.
    const close = vi.fn(async () => {});
    const rows = async () => Promise.reject(new Error('refused'));
    expect(await unlockTables({ isOpen: true, rows, close, bytes: rows })).toBe(false);
    expect(close).toHaveBeenCalledOnce();
  });

  it('is given up after seconds when another session waits in front of a dump', async () => {
    const limit = 15_000; // of which a slow machine may take most
    let altering = true;
    const ddl = (async () => {
      while (altering) await mariadb(server, "ALTER TABLE pair_a.t COMMENT 'x'");
    })();
    const set = await exportAll(['pair_a', 'pair_b']);
    altering = false;
    await ddl;
    expect(set.lockHeldMs).toBeLessThan(limit);
    expect([...(await readExports(set.exports)).values()].every((dump) => dump.length > 0)).toBe(true);
  });
});

describe('a MariaDB dump that goes wrong', () => {
  beforeAll(async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE small; CREATE OR REPLACE DATABASE large; USE large; CREATE TABLE large.t (v text);
       INSERT INTO large.t SELECT REPEAT('x', 4000) FROM seq_1_to_5000;`,
    );
  });

  async function failureWith(script: string): Promise<unknown> {
    const clientPath = writeClient(scripts, 'false-dump', script);
    const only = await exportOne('large', { clientPath });
    const error = await readBody(only.body).then(
      () => null,
      (reason: unknown) => reason,
    );
    await expect(only.result()).rejects.toBe(error);
    return error;
  }

  const failed = (message: string) => ({ code: 'EXPORT_FAILED', message: expect.stringContaining(message) });

  it('fails when it is cut short with status 0', async () => {
    expect(await failureWith('mariadb-dump "$@" | head -c 200000; exit 0')).toMatchObject(
      failed('cut short'),
    );
    expect(await failureWith('mariadb-dump "$@"; echo "-- more"')).toMatchObject(failed('cut short'));
  });

  it('fails when a table is not in it, in a joint one too', async () => {
    const hide = (name: string) => `mariadb-dump "$@" | sed 's/^CREATE TABLE .${name}. /CREATE VIEW x /'`;
    expect(await failureWith(hide('t'))).toMatchObject(failed('it lacks table "t", which was there'));
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE pair_a; CREATE OR REPLACE DATABASE pair_b; CREATE TABLE pair_a.t (i int);
       CREATE TABLE pair_b.t (i int); CREATE TABLE pair_b.u (i int); CREATE OR REPLACE USER joiner@localhost;
       GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO joiner@localhost`,
    );
    const joint = async (script: string): Promise<Buffer> => {
      const clientPath = writeClient(scripts, 'joint-dump', script);
      const { consistency, exports } = await exportAll(['pair_a', 'pair_b'], { clientPath, user: 'joiner' });
      expect(consistency).toBe('joint');
      return await readBody(exports[0]!.body);
    };
    expect((await joint('exec mariadb-dump "$@"')).length).toBeGreaterThan(100);
    await expect(joint(`mariadb-dump "$@" | sed '0,/^CREATE TABLE .t. /s//CREATE VIEW x /'`)).rejects.toThrow(
      'it lacks table "t"',
    );
  });

  it('fails when all came and the status is not 0', async () => {
    const script = 'mariadb-dump "$@"; printf "no\\033[2Jspace\\nleft" >&2; exit 3';
    expect(await failureWith(script)).toMatchObject(failed('ended with status 3: no\\u{1b}[2Jspace | left'));
  });

  it('keeps what the client says although it ends well', async () => {
    const script = 'mariadb-dump "$@"; printf "old\\033name\\nsecret word" >&2';
    const clientPath = writeClient(scripts, 'talking-dump', script);
    await mariadb(
      server,
      "CREATE OR REPLACE USER talker@localhost IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO talker@localhost",
    );
    const only = await exportOne('small', { clientPath, user: 'talker', password: 'secret' });
    await readBody(only.body);
    expect((await only.result()).said).toBe('old\\u{1b}name | *** word');
  });

  it('fails when nothing came', async () => {
    expect(await failureWith('exit 0')).toMatchObject(failed('printed nothing'));
  });

  it('keeps only the end of what a client complains about', async () => {
    const before = process.memoryUsage().rss;
    const script =
      'case "$*" in *--help*) exec mariadb-dump --help;; esac; head -c 400000000 /dev/zero >&2; echo the end >&2; exit 2';
    const error = (await failureWith(script)) as Error;
    expect(error.message).toMatch(/status 2: .*the end/s);
    expect(error.message.length).toBeLessThan(5000);
    expect(process.memoryUsage().rss - before).toBeLessThan(150e6);
  });

  it('fails when the client is killed halfway', async () => {
    const only = await exportOne('large');
    let bytes = 0;
    const reading = (async () => {
      for await (const chunk of only.body) {
        if (bytes === 0) for (const { pid } of clientsBelowUs('mariadb-dump')) process.kill(pid, 'SIGKILL');
        bytes += chunk.length;
      }
    })();
    await expect(reading).rejects.toMatchObject(failed('was killed by SIGKILL'));
    expect(bytes).toBeGreaterThan(0);
  });

  it('outlives a reader that stalls for longer than the server waits', async () => {
    await mariadb(server, 'SET GLOBAL net_write_timeout = 2');
    onTestFinished(() => mariadb(server, 'SET GLOBAL net_write_timeout = 60').then(() => {}));
    const { socket, ...rest } = server.config;
    const stalled = [{ socket }, { host: '127.0.0.1', port: server.port }].map(async (way) => {
      const engine = await openDatabaseEngine({ ...rest, ...way }, { now: () => performance.now() });
      const set = await engine.exports({ databases: ['large'], selector: selectorOf(null), signal });
      let bytes = 0;
      for await (const chunk of set.exports[0]?.body ?? empty()) {
        if (bytes === 0) await sleep(5000); // twice as long as the server waits, and more
        bytes += chunk.length;
      }
      return bytes;
    });
    for (const bytes of await Promise.all(stalled)) expect(bytes).toBeGreaterThan(20e6);
  });

  it('leaves no client behind when aborted, abandoned or closed', async () => {
    const clientPath = writeClient(scripts, 'wrapped-dump', 'mariadb-dump "$@"');
    const engine = await open({ clientPath });
    const abort = new AbortController();
    const start = async (from: AbortSignal) => {
      const set = await engine.exports({
        databases: ['large', 'small'],
        selector: selectorOf(null),
        signal: from,
      });
      expect(clientsBelowUs('mariadb-dump').length).toBeGreaterThan(0);
      return set.exports;
    };
    const aborted = await start(abort.signal);
    abort.abort();
    await expect(readBody(aborted[0]?.body ?? empty())).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(aborted[1]?.result()).rejects.toMatchObject({ code: 'INTERRUPTED' });
    const abandoned = await start(signal);
    for (const { body } of abandoned) for await (const _ of body) break;
    await expect(abandoned[0]?.result()).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
    expect(clientsBelowUs('mariadb-dump')).toEqual([]);
    const closed = await start(signal);
    await engine.close();
    expect(clientsBelowUs('mariadb-dump')).toEqual([]);
    await expect(readBody(closed[0]?.body ?? empty())).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
  });
});

describe('users of a MariaDB server', () => {
  it('log in through a password that no command line shows', async () => {
    const password = 'p#"w\'\\ $;`=\t[x]';
    await mariadb(
      server,
      `CREATE OR REPLACE USER 'odd user'@localhost IDENTIFIED BY '${password.replace(/['\\]/g, '\\$&')}'; GRANT ALL ON *.* TO 'odd user'@localhost`,
    );
    const over = [{ socket: server.config.socket }, { host: '127.0.0.1', port: server.port }];
    for (const way of over) {
      const { socket: _, ...rest } = server.config;
      const engine = await openDatabaseEngine(
        { ...rest, ...way, user: 'odd user', password },
        { now: () => performance.now() },
      );
      const { exports } = await engine.exports({ databases: ['large'], selector: selectorOf(null), signal });
      const lines = clientsBelowUs('mariadb-dump').map(({ commandLine }) => commandLine);
      expect(lines.length).toBe(1);
      expect(lines.join()).not.toContain('p#');
      await readExports(exports);
    }
  });

  it('are kept beside each export as SQL that replays', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE acc_one; CREATE OR REPLACE DATABASE acc_two; CREATE TABLE acc_one.t (a int, b int);
       CREATE PROCEDURE acc_one.p() SELECT 1; CREATE OR REPLACE DATABASE foreign_db;
       CREATE OR REPLACE USER acc@localhost IDENTIFIED BY 'x'; CREATE OR REPLACE USER 'acc_o''dd'@'%'; CREATE OR REPLACE USER accother@localhost;
       GRANT ALL ON \`acc\\_%\`.* TO acc@localhost WITH GRANT OPTION; GRANT FILE ON *.* TO acc@localhost;
       GRANT SELECT (a), UPDATE (b) ON acc_one.t TO 'acc_o''dd'@'%'; GRANT EXECUTE ON PROCEDURE acc_one.p TO 'acc_o''dd'@'%';
       GRANT SELECT ON acc_two.* TO 'acc_o''dd'@'%'; GRANT SELECT ON foreign_db.* TO 'acc_o''dd'@'%'`,
    );
    const { exports } = await exportAll(['acc_one', 'acc_two'], {}, selectorOf('acc_', 'acc'));
    await readExports(exports);
    const texts = await Promise.all(
      exports.map(
        async (each) =>
          (await each.result()).besides.find(({ suffix }) => suffix === 'grants.sql')?.text ?? '',
      ),
    );
    expect(texts[0]).toMatch(/-- not replayed: FILE on the whole server, held by acc@localhost/);
    expect(texts.join()).not.toMatch(/foreign_db|accother/);
    expect(texts[0]).not.toContain('acc_two');
    const shown = async () =>
      (await mariadb(server, "SHOW GRANTS FOR acc@localhost; SHOW GRANTS FOR 'acc_o''dd'@'%'"))
        .split('\n')
        .filter((line) => !/foreign_db/.test(line))
        .map((line) => line.replace('GRANT FILE ON', 'GRANT USAGE ON'));
    const before = await shown();
    await mariadb(server, "DROP USER acc@localhost, 'acc_o''dd'@'%'");
    for (const text of texts) await mariadb(server, text);
    expect(await shown()).toEqual(before);
  });
});

describe('roles of a MariaDB server', () => {
  it('are kept as roles, by the literal prefix', async () => {
    await mariadb(
      server,
      `CREATE OR REPLACE DATABASE rol_a; CREATE TABLE rol_a.t (i int);
       CREATE OR REPLACE ROLE rol_reader; GRANT SELECT ON rol_a.* TO rol_reader;
       CREATE OR REPLACE USER rolXother@localhost; GRANT SELECT ON rol_a.* TO rolXother@localhost`,
    );
    await mariadb(
      server,
      'CREATE OR REPLACE USER rol_corp@localhost; CREATE OR REPLACE USER rol_corp_web@localhost',
    );
    const others = { prefixes: ['rol_corp_'], admins: ['rol_corp'] };
    const { exports, warnings } = await exportAll(['rol_a'], {}, { ...selectorOf('rol_'), others });
    await readExports(exports);
    const text = (await exports[0]!.result()).besides.find(({ suffix }) => suffix === 'grants.sql')?.text;

    expect(warnings).toEqual([]);
    expect(text).toMatch(/^CREATE ROLE IF NOT EXISTS .rol_reader.;\nGRANT SELECT ON /);
    expect(text).not.toMatch(/rolXother|rol_corp/);
  });
});

async function* empty(): AsyncGenerator<Uint8Array> {}

const everyKind = `
CREATE OR REPLACE DATABASE kinds; USE kinds;
CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v varchar(50) CHARACTER SET utf8mb4, b blob, bits bit(5), bin binary(4),
  d decimal(65,30), ts timestamp(6) NULL, e enum('a','b'), j json, n int DEFAULT 4, g int AS (n + 1) STORED, p point, dbl double,
  zero date, hidden int INVISIBLE DEFAULT 3, FULLTEXT (v));
SET sql_mode = '';
INSERT INTO t (v, b, bits, bin, d, ts, e, j, p, dbl, zero) VALUES
  ('𝄞 ü \\\\ '' \\n', x'00ff0a0d1a22275c', b'10101', x'01000000', 1.5, '2020-02-02 02:02:02.123456', 'b', '{"a":1}',
   POINT(1, 2), 1.1754943508222875e-38, '0000-00-00'), (NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE child (id int, FOREIGN KEY (id) REFERENCES t (id) ON DELETE CASCADE);
CREATE TABLE versioned (i int PRIMARY KEY) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1); UPDATE versioned SET i = 2;
CREATE SEQUENCE s START WITH 5; SELECT NEXTVAL(s);
CREATE VIEW v AS SELECT id, v FROM t; CREATE VIEW a_view_on_view AS SELECT * FROM v;
DELIMITER //
CREATE TRIGGER tr BEFORE INSERT ON child FOR EACH ROW BEGIN SET NEW.id = NEW.id; END//
CREATE DEFINER=foreign_user@'%' PROCEDURE proc (IN a int) BEGIN
-- Current Database: \`other\`
USE_it: LOOP LEAVE USE_it; END LOOP;
-- Dump completed
SELECT a; END//
CREATE FUNCTION f () RETURNS int DETERMINISTIC RETURN 4//
CREATE EVENT ev ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO BEGIN DELETE FROM child; END//
DELIMITER ;
`;
