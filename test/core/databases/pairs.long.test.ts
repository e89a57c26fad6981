/** Fifty exports of two databases while one transaction after the other changes both. How long writers wait is measured by the benchmark. */

import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabaseEngine } from '../../../src/core/databases/index.ts';
import { readExports } from '../../support/clients.ts';
import { type MariadbServer, mariadb, startMariadb } from '../../support/mariadb.ts';

let server: MariadbServer;
beforeAll(async () => {
  server = await startMariadb();
  await mariadb(
    server,
    `CREATE DATABASE exa_a; CREATE TABLE exa_a.t (id int PRIMARY KEY); CREATE DATABASE exa_b; USE exa_b;
     CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE filler AS SELECT REPEAT('x', 500) v FROM seq_1_to_2000`,
  );
});
afterAll(() => server?.stop());

const lastId = (dump: Buffer | undefined): number =>
  Math.max(0, ...[...(dump?.toString() ?? '').matchAll(/^\((\d+)\)/gm)].map(([, id]) => Number(id)));

it('finds both alike fifty times', async () => {
  const engine = await openDatabaseEngine(server.config, { now: () => performance.now() });
  const connection = await createConnection({ socketPath: server.config.socket, user: 'root' });
  let writing = true;
  const writer = (async () => {
    for (let id = 1; writing; id += 1) {
      await connection.query('BEGIN');
      await connection.query('INSERT INTO exa_a.t VALUES (?)', [id]);
      await connection.query('INSERT INTO exa_b.t VALUES (?)', [id]);
      await connection.query('COMMIT');
    }
  })();
  const pairs: [number, number][] = [];
  try {
    const selector = { family: 'mysql' as const, prefix: 'exa_', admin: null, names: [] };
    for (let trial = 0; trial < 50; trial += 1) {
      const { signal } = new AbortController();
      const set = await engine.exports({ databases: ['exa_a', 'exa_b'], selector, signal });
      const dumps = await readExports(set.exports);
      pairs.push([lastId(dumps.get('exa_a')), lastId(dumps.get('exa_b'))]);
      expect(set.consistency).toBe('barrier');
    }
  } finally {
    writing = false;
    await writer;
    await connection.end();
    await engine.close();
  }
  expect(pairs.filter(([a, b]) => a !== b)).toEqual([]);
});
