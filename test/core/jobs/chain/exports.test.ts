/** Exports in a chain: the same ones are referred to, others stored. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseComponent } from '../../../../src/core/archive/manifest.ts';
import type { DatabaseEngine } from '../../../../src/core/contracts/database.ts';
import { openDatabaseEngine } from '../../../../src/core/databases/index.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { ahead, type Lab, type LabBackup, openLab } from '../../../support/backup.ts';
import { cannedEngine, cannedSelector } from '../../../support/canned-engine.ts';
import { type MariadbServer, mariadb, startMariadb } from '../../../support/mariadb.ts';
import { type PostgresqlServer, psql, startPostgresql } from '../../../support/postgresql.ts';
import { wrote } from './chain-lab.ts';

type Contents = Readonly<Record<string, string | Uint8Array | null>>;

let directory: string;
let lab: Lab;
let labs = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-exports-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function withLab(work: () => Promise<void>): Promise<void> {
  const own = join(directory, `${labs++}`);
  mkdirSync(join(own, 'tree'), { recursive: true });
  lab = await openLab(own, { chain: {}, now: ahead });
  await work();
  await lab.close();
}

/** Of databases alone: there are no trees. */
async function backUp(contents: Contents, level: LabBackup['level'] = 'incremental'): Promise<Snapshot> {
  const engines = [cannedEngine(contents)];
  return (await lab.backUp({}, { level, engines, databases: [cannedSelector] })).snapshot;
}

const databasesOf = ({ body }: Snapshot): DatabaseComponent[] =>
  body.components.filter((component) => component.type === 'database');

const restored = async (name: string): Promise<string> => {
  const to = join(directory, `restored-${labs++}`);
  await lab.restore(join(to, ''));
  return readFileSync(join(to, 'databases/canned', name), 'utf8');
};

describe('an incremental', () => {
  it('stores nothing of databases that are the same, and refers to them through any number of snapshots', () =>
    withLab(async () => {
      const full = await backUp({ one: 'INSERT 1;\n', two: 'INSERT 2;\n' });
      expect(full.header.level).toBe('full');
      expect(wrote(full)).toBe('beside 2, export 2');
      await backUp({ one: 'INSERT 1;\n', two: 'INSERT 2;\n' });
      const third = await backUp({ one: 'INSERT 1;\n', two: 'INSERT 2;\n' });

      expect(third.header).toMatchObject({ level: 'incremental', state: 'complete', objects: [] });
      expect(third.header.references.map(({ key }) => key).sort()).toEqual(
        full.header.objects.map(({ key }) => key).sort(),
      );
      expect(third.body.warnings).toEqual([]);
      expect((await lab.verify(true)).exitStatus).toBe(0);
      expect(await restored('one.sql')).toBe('INSERT 1;\n');
      expect(await restored('two.grants.sql')).toBe('GRANT ALL ON two\n');
      const to = join(directory, 'rescued');
      const { status } = await lab.rescue('restore', third.name, '--to', to);
      expect(status).toBe(0);
      expect(readFileSync(join(to, 'databases/canned/two.sql'), 'utf8')).toBe('INSERT 2;\n');
    }));

  it('stores what changed, also where only the length or only the text beside it is the same', () =>
    withLab(async () => {
      await backUp({ one: 'INSERT 1;\n', two: 'INSERT 2;\n', three: 'INSERT 3;\n' });
      const second = await backUp({ one: 'INSERT 7;\n', two: 'INSERT 2;\n', three: 'INSERT 3; INSERT 4;\n' });

      expect(wrote(second)).toBe('export 2');
      expect(second.header.references.length).toBe(4);
      expect(await restored('one.sql')).toBe('INSERT 7;\n');
      expect(await restored('three.sql')).toBe('INSERT 3; INSERT 4;\n');
    }));

  it('stores what the parent has no whole export of', () =>
    withLab(async () => {
      const first = await backUp({ one: 'INSERT 1;\n', two: null });
      expect(first.header.state).toBe('partial');
      const second = await backUp({ one: 'INSERT 1;\n', two: 'INSERT 2;\n', three: 'new\n' });

      expect(second.header).toMatchObject({
        level: 'incremental',
        state: 'complete',
        parents: [first.header.id],
      });
      expect(wrote(second)).toBe('beside 2, export 2');
    }));

  it('loses one database that breaks off, not the others', () =>
    withLab(async () => {
      await backUp({ one: 'INSERT 1;\n', two: 'INSERT 2;\n' });
      const second = await backUp({ one: null, two: 'INSERT 2;\n' });

      expect(databasesOf(second).map(({ state }) => state)).toEqual(['failed', 'complete']);
      expect(second.header.objects).toEqual([]);
    }));

  it('refers to one too large to be held back, and leaves what it stored to prune', () =>
    withLab(async () => {
      const large = randomBytes(40 * 2 ** 20);
      const full = await backUp({ large, small: 'INSERT 1;\n' });
      const second = await backUp({ large, small: 'INSERT 1;\n' });

      expect(second.header.objects).toEqual([]);
      expect(databasesOf(second)[0]!.object).toBe(databasesOf(full)[0]!.object);
      const { server, owner } = full.header;
      const stored = readdirSync(join(lab.storePath, 'data', server, owner), { recursive: true });
      expect(stored.filter((name) => /\.sql\.zst(?:\.age)?$/.test(String(name))).length).toBe(5);
      expect((await lab.verify(true)).exitStatus).toBe(0);
    }));

  it('shares the memory it holds back among sixty databases', () =>
    withLab(async () => {
      const many = Object.fromEntries(
        Array.from({ length: 60 }, (_, i) => [`db${String(i).padStart(2, '0')}`, randomBytes(2 ** 20)]),
      );
      await backUp(many);
      const second = await backUp({ ...many, db07: 'changed\n' });

      expect(wrote(second)).toBe('export 1');
      expect((await lab.verify(true)).exitStatus).toBe(0);
      expect(await restored('db07.sql')).toBe('changed\n');
    }));
});

describe('a full', () => {
  it('stores every export again', () =>
    withLab(async () => {
      await backUp({ one: 'INSERT 1;\n' });
      const second = await backUp({ one: 'INSERT 1;\n' }, 'full');

      expect(wrote(second)).toBe('beside 1, export 1');
      expect(second.header.references).toEqual([]);
    }));
});

describe('a real MariaDB database', () => {
  let server: MariadbServer;
  let engine: DatabaseEngine;
  beforeAll(async () => {
    server = await startMariadb();
    engine = await openDatabaseEngine(server.config, { now: Date.now });
    await mariadb(server, 'CREATE DATABASE web_a; CREATE DATABASE web_b');
    for (const name of ['web_a', 'web_b']) {
      await mariadb(server, 'CREATE TABLE t (i INT PRIMARY KEY); INSERT INTO t VALUES (1)', name);
    }
  });
  afterAll(async () => {
    await engine.close();
    await server.stop();
  });

  it('is referred to until something is written to it', () =>
    withLab(async () => {
      const databases = [{ family: 'mysql' as const, prefix: 'web_', admin: null, names: [] }];
      const run = async (): Promise<Snapshot> =>
        (await lab.backUp({}, { level: 'incremental', engines: [engine], databases })).snapshot;
      const full = await run();
      expect(databasesOf(full).map(({ name }) => name)).toEqual(['mariadb/web_a', 'mariadb/web_b']);
      expect(wrote(await run())).toBe('');
      await mariadb(server, 'INSERT INTO t VALUES (2)', 'web_b');
      const third = await run();

      expect(wrote(third)).toBe('export 1');
      expect((await lab.verify(true)).exitStatus).toBe(0);
    }));
});

describe('a real PostgreSQL database', () => {
  let server: PostgresqlServer;
  let engine: DatabaseEngine;
  beforeAll(async () => {
    server = await startPostgresql();
    engine = await openDatabaseEngine(server.config, { now: Date.now });
    await psql(server, 'CREATE DATABASE web_a');
    await psql(server, 'CREATE TABLE t (i INT PRIMARY KEY); INSERT INTO t VALUES (1)', 'web_a');
  });
  afterAll(async () => {
    await engine.close();
    await server.stop();
  });

  it('is referred to although its archive would name the time, until something is written to it', () =>
    withLab(async () => {
      const databases = [{ family: 'postgresql' as const, prefix: 'web_', admin: null, names: [] }];
      const run = async (): Promise<Snapshot> =>
        (await lab.backUp({}, { level: 'incremental', engines: [engine], databases })).snapshot;
      const full = await run();
      expect(databasesOf(full)).toMatchObject([{ name: 'postgresql/web_a', format: 'pgdump' }]);
      // An archive names the second it was begun in: a later one begins.
      await sleep(1020 - (Date.now() % 1000));
      expect(wrote(await run())).toBe('');
      await psql(server, 'INSERT INTO t VALUES (2)', 'web_a');

      expect(wrote(await run())).toBe('export 1');
      expect((await lab.verify(true)).exitStatus).toBe(0);
    }));
});
