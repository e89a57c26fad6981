/** Imports that are killed: the next one finishes or undoes them, and nothing is left over. */

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importNames } from '../../../../src/core/databases/import/names.ts';
import type { ImportRecord } from '../../../../src/core/databases/import/types.ts';
import { endKilledImports } from '../../../../src/core/jobs/import/end-killed.ts';
import { ImportJournal } from '../../../../src/core/jobs/import/journal.ts';
import { recoverImports } from '../../../../src/core/jobs/import/recover.ts';
import type { ImportEvent } from '../../../../src/core/jobs/import/types.ts';
import {
  contextOf,
  importSignal,
  makeImportDirectory,
  runImport,
  selectorOf,
} from '../../../support/imports.ts';
import type { KilledImport } from '../../../support/killed-import.ts';
import { type MariadbServer, mariadb, startMariadb } from '../../../support/mariadb.ts';
import {
  type PostgresqlServer,
  postgresqlClient,
  psql,
  startPostgresql,
} from '../../../support/postgresql.ts';

let mysql: MariadbServer;
let postgres: PostgresqlServer;
let dir: string;

beforeAll(async () => {
  [mysql, postgres] = await Promise.all([startMariadb(), startPostgresql()]);
  dir = makeImportDirectory();
});

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await Promise.all([mysql.stop(), postgres.stop()]);
});

async function killedAt(request: KilledImport): Promise<void> {
  mkdirSync(request.stateDir, { recursive: true });
  const script = join(import.meta.dirname, '../../../support/killed-import.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(request)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const signal = await new Promise((resolve) => child.once('close', (_, ended) => resolve(ended)));
  if (signal !== 'SIGKILL') throw new Error(`not killed at ${request.at}: ${complaint}`);
}

async function recovered(request: KilledImport): Promise<string> {
  const seen: string[] = [];
  const onEvent = (event: ImportEvent) => {
    if (event.type === 'recovered') seen.push(event.how);
  };
  await recoverImports(
    await contextOf(request.config, request.selector, request.stateDir, onEvent),
    request.database,
  );
  return seen.join(',');
}

const undoneAt = ['phase:loading', 'bytes', 'phase:swapping'];

/** Rows, columns and objects in one answer. */
const described = (database: string): Promise<string> =>
  mariadb(
    mysql,
    `USE ${database}; SHOW TABLES; SELECT * FROM items; SELECT * FROM shown; SELECT said(); SHOW COLUMNS FROM items;
     SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE();
     SELECT EVENT_DEFINITION, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()`,
  ).then((text) => text.replaceAll(database, '@'));

describe('a MariaDB import that is killed', () => {
  const selector = selectorOf('mysql', 'exa_', 'exaadmin');
  const content = (mark: string) => `
    CREATE TABLE items (id INT PRIMARY KEY, mark CHAR(9) DEFAULT '${mark}') ENGINE=InnoDB; INSERT INTO items (id) VALUES (1), (2);
    CREATE TABLE only_${mark} (a INT); CREATE VIEW shown AS SELECT id, mark FROM items;
    CREATE FUNCTION said() RETURNS CHAR(9) DETERMINISTIC RETURN '${mark}';
    CREATE TRIGGER items_in BEFORE INSERT ON items FOR EACH ROW SET NEW.mark = '${mark}';
    CREATE EVENT daily ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' DO DELETE FROM only_${mark};`;

  beforeAll(async () => {
    await mariadb(
      mysql,
      `CREATE USER exaadmin@localhost; GRANT ALL ON \`exa\\_%\`.* TO exaadmin@localhost; CREATE DATABASE model; USE model; ${content('new')}`,
    );
  });

  it.each([
    ...undoneAt,
    ...[
      'made',
      'scratch-cleared',
      'live-cleared',
      'renamed',
      'old-dropped',
      'replayed',
      'granted',
      'finished',
    ].map((step) => `step:${step}`),
  ])('at %s is finished or undone by the next one', async (at) => {
    await mariadb(
      mysql,
      `DROP DATABASE IF EXISTS exa_live; CREATE DATABASE exa_live; USE exa_live; ${content('old')}`,
    );
    const before = await described('exa_live');
    const file = join(dir, 'new.sql');
    writeFileSync(file, `-- Host: localhost    Database: exa_live\n${content('new')}`);
    const stateDir = join(dir, at.replace(':', '-'));
    const request = { config: mysql.config, selector, stateDir, file, database: 'exa_live', at };

    await killedAt(request);
    const how = await recovered(request);

    expect(how).toBe(undoneAt.includes(at) ? 'undone' : 'finished');
    const after = await described('exa_live');
    expect(after).toBe(how === 'undone' ? before : await described('model'));
    expect(await mariadb(mysql, "SHOW DATABASES LIKE 'holdfast_new%'")).toBe('');
    expect(await mariadb(mysql, "SELECT User FROM mysql.user WHERE User LIKE 'holdfast%'")).toBe('');
    expect(await recovered(request)).toBe('');
  });
});

describe('a MariaDB import whose connection is lost', () => {
  const selector = selectorOf('mysql', 'exa_', 'exaadmin');
  const trigger = (mark: string) => `CREATE TRIGGER t_in BEFORE INSERT ON t FOR EACH ROW SET NEW.a = ${mark}`;
  const state = () =>
    mariadb(
      mysql,
      'SELECT a FROM exa_lost.t; SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = "exa_lost"',
    );

  it.each([
    ['live-cleared', true, null, 'undone'],
    ['renamed', true, 'the new database is in place, but not complete', 'finished'],
    ['live-cleared', false, 'the database may be closed, or lack triggers, views and routines', 'finished'],
  ] as const)('at %s says how the database stands (server answers: %s)', async (at, answers, told, how) => {
    await mariadb(
      mysql,
      `CREATE OR REPLACE DATABASE exa_lost; USE exa_lost; CREATE TABLE t (a INT); INSERT INTO t VALUES (1); ${trigger('1')}`,
    );
    const before = await state();
    const file = join(dir, 'lost.sql');
    writeFileSync(file, `CREATE TABLE t (a INT);\nINSERT INTO t VALUES (2);\n${trigger('2')};\n`);
    const { socket } = mysql.config;
    let lost = false;
    const onEvent = (event: ImportEvent): void => {
      if (event.type !== 'step' || event.step !== at || lost) return;
      lost = true;
      // With --force: one that has ended meanwhile is no error.
      const run = (sql: string) =>
        execFileSync('mariadb', ['--no-defaults', '-uroot', '-S', socket, '-fNe', sql], { encoding: 'utf8' });
      const others =
        'SELECT ID FROM information_schema.PROCESSLIST WHERE USER = "root" AND ID <> CONNECTION_ID()';
      run(
        run(others)
          .split('\n')
          .filter(Boolean)
          .map((id) => `KILL ${id}`)
          .join(';'),
      );
      if (!answers) renameSync(socket, `${socket}-away`);
    };
    const stateDir = mkdtempSync(join(dir, 'lost-'));
    const context = await contextOf(mysql.config, selector, stateDir, onEvent);
    try {
      const failed = runImport(context, file, 'exa_lost', { place: { kind: 'replace' } });
      await expect(failed).rejects.toMatchObject({
        code: 'DATABASE_UNREACHABLE',
        message: told === null ? expect.not.stringContaining(';') : expect.stringContaining(told),
      });
    } finally {
      if (existsSync(`${socket}-away`)) renameSync(`${socket}-away`, socket);
    }
    if (how === 'undone') expect(await state()).toBe(before);
    const request = { config: mysql.config, selector, stateDir, file, database: 'exa_lost', at };
    expect(await recovered(request)).toBe(how === 'undone' ? '' : how);
    expect(await state()).toBe(how === 'undone' ? before : before.replaceAll('1', '2'));
    await mariadb(mysql, 'DROP DATABASE exa_lost');
  });

  it('and nothing else that goes wrong with it costs a backup', async () => {
    const stateDir = mkdtempSync(join(dir, 'odd-'));
    const context = await contextOf(mysql.config, selector, stateDir);
    const names = importNames('0123456789ab0123456789ab');
    // What no release has written.
    const record: ImportRecord = {
      version: 1,
      id: '0123456789ab0123456789ab01234567',
      instance: 'mariadb',
      family: 'mysql',
      owner: context.account.owner,
      site: 'site1',
      selector,
      database: 'exa_odd',
      origin: 'exa_odd',
      ...names,
      tables: null,
      importer: { user: names.user, password: null },
      phase: 'swapping',
      startedAtMs: 1,
      keptUntilMs: null,
      incoming: null,
      outgoing: null,
    };
    await new ImportJournal(stateDir).put(record);
    const { account, keepMs, now, signal, importer } = context;
    const request = { stateDir, owner: account.owner, keepMs, now, signal, open: async () => importer };
    expect(await endKilledImports(request)).toMatchObject([{ code: 'import-unfinished' }]);
  });
});

describe('a PostgreSQL import that is killed', () => {
  const selector = selectorOf('postgresql', 'exa_', 'exaadmin');
  let file: string;

  beforeAll(async () => {
    file = join(dir, 'new.pgdump');
    await psql(postgres, 'CREATE ROLE exaadmin');
    await psql(postgres, 'CREATE DATABASE model OWNER exaadmin');
    await psql(postgres, "SET ROLE exaadmin; CREATE TABLE items AS SELECT 'new' AS mark", 'model');
    await postgresqlClient(postgres, 'pg_dump', ['-Fc', '-f', file], 'model');
  });

  it.each([
    ...undoneAt,
    ...['connections-forbidden', 'sessions-ended', 'renamed', 'finished'].map((step) => `step:${step}`),
  ])('at %s is finished or undone by the next one', async (at) => {
    await psql(postgres, 'DROP DATABASE IF EXISTS exa_live');
    await psql(postgres, 'CREATE DATABASE exa_live OWNER exaadmin');
    await psql(postgres, "SET ROLE exaadmin; CREATE TABLE items AS SELECT 'old' AS mark", 'exa_live');
    const stateDir = join(dir, `pg-${at.replace(':', '-')}`);
    const request = { config: postgres.config, selector, stateDir, file, database: 'exa_live', at };

    await killedAt(request);
    const how = await recovered(request);

    expect(how).toBe(undoneAt.includes(at) ? 'undone' : 'finished');
    expect(await psql(postgres, 'SELECT mark FROM items', 'exa_live')).toBe(
      how === 'undone' ? 'old\n' : 'new\n',
    );
    expect(await psql(postgres, "SELECT datname FROM pg_database WHERE datname LIKE 'holdfast_new%'")).toBe(
      '',
    );
    expect(await psql(postgres, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'holdfast%'")).toBe('');
  });
});

describe('an import whose server falls silent', () => {
  it.each(['mysql', 'postgresql'] as const)(
    'is given up on %s, and cleaned up by the next',
    async (family) => {
      const server = family === 'mysql' ? mysql : postgres;
      const role =
        "SELECT 'CREATE ROLE exaadmin' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'exaadmin')";
      await psql(postgres, `${role} \\gexec`);
      const pidFile = family === 'mysql' ? 'pid' : 'data/postmaster.pid';
      const [pid = ''] = readFileSync(join(server.dir, pidFile), 'utf8').split('\n');
      const file = join(dir, `silent-${family}.sql`);
      const rows = Array.from({ length: 20_000 }, (_, id) => `(${id},'${'x'.repeat(200)}')`);
      const trailer =
        family === 'mysql' ? '-- Dump completed\n' : '--\n-- PostgreSQL database dump complete\n--\n\n';
      const inserts = rows.map((row) => `INSERT INTO t VALUES ${row};\n`).join('');
      const header = family === 'mysql' ? '' : '--\n-- PostgreSQL database dump\n--\n\n';
      writeFileSync(file, `${header}CREATE TABLE t (id int, v text);\n${inserts}${trailer}`);
      // Every process of it, or those of PostgreSQL would go on.
      const all = (signal: string): void => {
        const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
        for (const one of [pid, ...children].filter(Boolean)) {
          try {
            process.kill(Number(one), signal);
          } catch (error) {
            // That of a session that has just ended is gone by now.
            if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
          }
        }
      };
      let stopped = false;
      const onEvent = (event: ImportEvent): void => {
        if (event.type !== 'bytes' || stopped) return;
        stopped = true;
        all('SIGSTOP');
      };
      const selector = selectorOf(family, 'exa_', 'exaadmin');
      const stateDir = join(dir, `silent-${family}`);
      const config = { ...server.config, stallMinutes: 0.02 };
      try {
        await expect(
          runImport(await contextOf(config, selector, stateDir, onEvent), file, 'exa_silent'),
        ).rejects.toMatchObject({
          code: 'IMPORT_FAILED',
          message: expect.stringContaining('does not answer'),
        });
      } finally {
        all('SIGCONT');
      }
      const context = await contextOf(server.config, selector, stateDir);
      await recoverImports(context, null);
      expect(
        [...(await context.importer.databases(importSignal))].filter((name) =>
          name.startsWith('holdfast_new_'),
        ),
      ).toEqual([]);
    },
    30_000,
  );
});
