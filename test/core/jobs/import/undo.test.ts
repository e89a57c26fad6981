/** Exchanges that somebody stands in the way of: what is live, and what is kept, stays. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ImportJournal } from '../../../../src/core/jobs/import/journal.ts';
import { dropExpired, recoverImports } from '../../../../src/core/jobs/import/recover.ts';
import type { ImportContext, ImportEvent } from '../../../../src/core/jobs/import/types.ts';
import { contextOf, makeImportDirectory, runImport, runUndo, selectorOf } from '../../../support/imports.ts';
import { type MariadbServer, mariadb, startMariadb } from '../../../support/mariadb.ts';
import { type PostgresqlServer, psql, startPostgresql } from '../../../support/postgresql.ts';

let mysql: MariadbServer;
let postgres: PostgresqlServer;
let dir: string;
let stateDir: string;
let seen: ImportEvent[];

beforeAll(async () => {
  [mysql, postgres] = await Promise.all([startMariadb(), startPostgresql()]);
  dir = makeImportDirectory();
  await psql(postgres, 'CREATE ROLE exaadmin LOGIN');
  await mariadb(mysql, 'CREATE USER exaadmin@localhost; GRANT ALL ON `exa\\_%`.* TO exaadmin@localhost');
});

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await Promise.all([mysql.stop(), postgres.stop()]);
});

beforeEach(() => {
  seen = [];
  stateDir = join(dir, randomBytes(6).toString('hex'));
  mkdirSync(stateDir);
});

const onEvent = (event: ImportEvent): void => void seen.push(event);
const how = (): string[] => seen.flatMap((one) => (one.type === 'recovered' ? [one.how] : []));

describe('a PostgreSQL database that was replaced', () => {
  /** A name that the exchange wants and that is taken: the rename is refused at once. */
  const taken = 'f00dfeedbeef';
  let context: ImportContext;

  beforeEach(async () => {
    for (const name of ['exa_db', `holdfast_old_${taken}`])
      await psql(postgres, `DROP DATABASE IF EXISTS ${name}`);
    await psql(postgres, 'CREATE DATABASE exa_db OWNER exaadmin');
    await psql(postgres, 'CREATE TABLE a (x int); INSERT INTO a VALUES (42)', 'exa_db');
    const file = join(stateDir, 'new.sql');
    writeFileSync(
      file,
      'CREATE TABLE public.a (x int);\nINSERT INTO public.a VALUES (1);\n-- PostgreSQL database cluster dump\n',
    );
    const selector = selectorOf('postgresql', 'exa_', 'exaadmin');
    context = await contextOf(postgres.config, selector, stateDir, onEvent);
    await runImport(context, file, 'exa_db', { place: { kind: 'replace' } });
    await psql(postgres, `CREATE DATABASE holdfast_old_${taken}`);
  });

  const rows = () => psql(postgres, 'SELECT x FROM a', 'exa_db');
  const blocked = (): ImportContext => ({ ...context, newId: () => taken.padEnd(32, '0') });

  it('is kept when it cannot be brought back, however often', async () => {
    for (let time = 0; time < 2; time += 1) {
      await expect(runUndo(blocked(), 'exa_db')).rejects.toMatchObject({ code: 'IMPORT_FAILED' });
      expect(await rows()).toBe('1\n');
    }
    await runUndo(context, 'exa_db');
    expect(await rows()).toBe('42\n');
    await runUndo(context, 'exa_db');
    expect(await rows()).toBe('1\n');
  });

  it('is told of beside what replaced it, and comes back from behind it', async () => {
    const file = join(stateDir, 'newer.sql');
    writeFileSync(
      file,
      'CREATE TABLE public.a (x int);\nINSERT INTO public.a VALUES (2);\n-- PostgreSQL database cluster dump\n',
    );
    const { kept, alsoKept } = await runImport(context, file, 'exa_db', { place: { kind: 'replace' } });
    expect(alsoKept).toHaveLength(1);
    const [first] = alsoKept;
    expect(first!.name).not.toBe(kept);

    await expect(runUndo(context, 'exa_db', 'holdfast_old_nothing')).rejects.toMatchObject({
      code: 'IMPORT_REFUSED',
      hint: `Name one of ${first!.name}, ${kept}.`,
    });
    const report = await runUndo(context, 'exa_db', first!.name);
    expect(await rows()).toBe('42\n');
    expect(report.alsoKept.map(({ name }) => name)).toEqual([kept]);
    await runUndo(context, 'exa_db', kept!);
    expect(await rows()).toBe('1\n');
  });

  it('is kept when the command that brings it back is killed before the exchange', async () => {
    const journal = new ImportJournal(stateDir);
    let pending = '';
    const killed: ImportContext = {
      ...blocked(),
      onEvent: (event) => {
        if (event.type === 'phase') pending = 'noted';
      },
    };
    // As a kill leaves it: noted, and not undone.
    const [before] = await journal.list();
    await expect(runUndo(killed, 'exa_db')).rejects.toMatchObject({ code: 'IMPORT_FAILED' });
    expect(pending).toBe('noted');
    const reversed = await context.importer.reverse(before!, taken.padEnd(32, '0'), context.signal);
    await journal.put({ ...reversed, id: before!.id, reverses: before! });

    const late = { ...context, importers: [context.importer], locked: null, now: () => Date.now() + 1e10 };
    await dropExpired(late);
    await recoverImports(context, null);

    expect(how()).toEqual(['undone']);
    await runUndo(context, 'exa_db');
    expect(await rows()).toBe('42\n');
  });

  it('is the last one also where the clock was set back', async () => {
    const file = join(stateDir, 'newer.sql');
    writeFileSync(
      file,
      'CREATE TABLE public.a (x int);\nINSERT INTO public.a VALUES (2);\n-- PostgreSQL database cluster dump\n',
    );
    await runImport({ ...context, now: () => Date.now() - 1e8 }, file, 'exa_db', {
      place: { kind: 'replace' },
    });
    await runUndo(context, 'exa_db');
    expect(await rows()).toBe('1\n');
  });
});

describe('a MariaDB database that somebody holds a lock in', () => {
  const selector = selectorOf('mysql', 'exa_', 'exaadmin');
  const objects = () =>
    mariadb(
      mysql,
      `SELECT TRIGGER_NAME, '' FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'exa_live' UNION ALL SELECT EVENT_NAME, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'exa_live'
       UNION ALL SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'exa_live' UNION ALL SELECT SCHEMA_NAME, '' FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'holdfast%' ORDER BY 1`,
    );
  const rows = () => mariadb(mysql, 'SELECT x FROM exa_live.a');
  let file: string;
  let context: ImportContext;

  beforeEach(async () => {
    const left = await mariadb(mysql, "SHOW DATABASES LIKE 'holdfast%'");
    for (const name of left.split('\n').filter(Boolean)) await mariadb(mysql, `DROP DATABASE ${name}`);
    await mariadb(
      mysql,
      `DROP DATABASE IF EXISTS exa_live; CREATE DATABASE exa_live; USE exa_live; CREATE TABLE a (x INT); INSERT INTO a VALUES (42); CREATE TABLE b (x INT);
       CREATE TRIGGER b_in BEFORE INSERT ON b FOR EACH ROW SET NEW.x = 6; CREATE TRIGGER old_in BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 6; CREATE VIEW seen AS SELECT x FROM a;
       CREATE VIEW broken AS SELECT x FROM b; DROP TABLE b; CREATE TABLE b (y INT); CREATE EVENT cleanup ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' DO DELETE FROM a;`,
    );
    file = join(stateDir, 'new.sql');
    const trigger = 'CREATE TRIGGER new_in BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 5;';
    writeFileSync(
      file,
      `-- Host: localhost    Database: exa_live\nCREATE TABLE a (x INT);\nINSERT INTO a VALUES (1);\n${trigger}\nCREATE VIEW seen AS SELECT x + 1 FROM a;\n`,
    );
    context = await contextOf(mysql.config, selector, stateDir, onEvent);
  });

  async function whileHeld(work: () => Promise<void>): Promise<void> {
    const holder = await createConnection({ socketPath: mysql.config.socket, user: 'root' });
    try {
      await holder.query('START TRANSACTION');
      await holder.query('SELECT * FROM exa_live.a');
      await work();
    } finally {
      await holder.end();
    }
  }

  it('is left with all its objects, soon, and visitors hardly wait', async () => {
    const before = await objects();
    await whileHeld(async () => {
      let longest = 0;
      let over = false;
      const visitor = (async () => {
        while (!over) {
          const start = performance.now();
          await rows();
          longest = Math.max(longest, performance.now() - start);
        }
      })();
      try {
        await expect(
          runImport(context, file, 'exa_live', { place: { kind: 'replace' } }),
        ).rejects.toMatchObject({ code: 'IMPORT_FAILED' });
      } finally {
        over = true;
        await visitor;
      }
      expect(longest).toBeLessThan(20_000);
    });
    expect(await objects()).toBe(before);
    expect(await rows()).toBe('42\n');
  });

  it('keeps what was replaced when it cannot be brought back', async () => {
    await runImport(context, file, 'exa_live', { place: { kind: 'replace' } });
    const before = await objects();
    await whileHeld(async () => {
      await expect(runUndo(context, 'exa_live')).rejects.toMatchObject({ code: 'IMPORT_FAILED' });
      expect(await objects()).toBe(before);
      await recoverImports(context, null);
    });
    await runUndo(context, 'exa_live');
    expect(await rows()).toBe('42\n');
    expect(await objects()).toMatch(/cleanup\tENABLED\n[\s\S]*old_in/);
  });

  it('waits alone where its exchange cannot be ended, and is ended without what the server refuses', async () => {
    await runImport(context, file, 'exa_live', { place: { kind: 'replace' } });
    const journal = new ImportJournal(stateDir);
    const [kept] = await journal.list();
    const incoming = kept!.incoming as { readonly definitions: readonly { readonly kind: string }[] };
    const trigger = incoming.definitions.find(({ kind }) => kind === 'trigger');
    const odd = {
      ...trigger,
      name: 'odd',
      sql: 'CREATE TRIGGER `odd` BEFORE INSERT ON gone FOR EACH ROW SET @a = 1',
    };
    const definitions = [odd, ...incoming.definitions];
    // As a kill after the RENAME leaves it.
    const record = {
      ...kept!,
      phase: 'swapping',
      incoming: { ...incoming, definitions },
      outgoing: { ...incoming },
    } as const;
    await journal.put(record);
    const other = join(stateDir, 'other.sql');
    writeFileSync(other, '-- Host: localhost    Database: exa_other\nCREATE TABLE a (x INT);\n');
    await mariadb(mysql, 'DROP DATABASE IF EXISTS exa_other');

    await whileHeld(async () => {
      await expect(runUndo(context, 'exa_live')).rejects.toMatchObject({ code: 'IMPORT_FAILED' });
      await runImport(context, other, 'exa_other');
    });
    expect(seen.find(({ type }) => type === 'unfinished')).toMatchObject({ database: 'exa_live' });

    await recoverImports(context, null);
    expect(how()).toEqual(['finished']);
    expect(seen.flatMap((one) => (one.type === 'incomplete' ? [one.warning.message] : []))).toEqual([
      expect.stringContaining('trigger "odd" was refused by the server'),
    ]);
    expect(await objects()).toContain('new_in');
  });
});
