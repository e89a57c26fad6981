import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClients } from '../../../../src/core/databases/postgresql/clients.ts';
import { ArchiveCheck } from '../../../../src/core/databases/postgresql/dump.ts';
import { type PostgresqlServer, psql, startPostgresql } from '../../../support/postgresql.ts';

let server: PostgresqlServer;
let archive: Buffer;
let restore: string;

beforeAll(async () => {
  server = await startPostgresql();
  await psql(server, 'CREATE DATABASE filled');
  await psql(
    server,
    `CREATE SCHEMA other; CREATE TABLE empty (i int); CREATE TABLE other.t (i int PRIMARY KEY, v text);
     INSERT INTO other.t SELECT i, repeat(chr(10) || 'PGDMP' || i, 5) FROM generate_series(1, 300) i;
     CREATE VIEW v AS SELECT * FROM other.t; CREATE SEQUENCE s; COMMENT ON TABLE empty IS 'nothing';
     CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
     SELECT lo_from_bytea(4242, decode(repeat('00ff', 3000), 'hex')), lo_from_bytea(4243, '')`,
    'filled',
  );
  const { dump, restore: path } = findClients(server.config);
  restore = path;
  const to = ['-h', '127.0.0.1', '-p', String(server.port), '-U', 'postgres'];
  archive = execFileSync(dump, ['-Fc', '-Z0', ...to, 'filled'], { maxBuffer: 1 << 26 });
});

afterAll(async () => {
  await server.stop();
});

async function verdict(bytes: Buffer, step = 65_536): Promise<string | null> {
  const check = new ArchiveCheck(restore);
  for (let at = 0; at < bytes.length; at += step) await check.chunk(bytes.subarray(at, at + step));
  return await check.end();
}

/** A copy with one byte changed. */
function changed(at: number, to: number): Buffer {
  const copy = Buffer.from(archive);
  copy[at] = to;
  return copy;
}

describe('ArchiveCheck', () => {
  it('finds an archive whole, in pieces of any size', async () => {
    for (const step of [1, 3, 11, 4096, 65_536, archive.length]) {
      expect(await verdict(archive, step)).toBeNull();
    }
  });

  it('finds a cut at any byte', async () => {
    for (let length = 11; length < archive.length; length += 1) {
      const wrong = await verdict(archive.subarray(0, length), archive.length);
      if (wrong === null) expect.fail(`a cut at byte ${length} of ${archive.length} is not seen`);
    }
    expect(await verdict(archive.subarray(0, 5))).toMatch(/cannot be read back/);
  });

  it('finds the data of an entry missing where the cut is between two blocks', async () => {
    // The last block is that of the large objects: its kind, its number, and so on.
    const last = archive.lastIndexOf(Buffer.from([3, 0]), archive.length - 6000);
    expect(await verdict(archive.subarray(0, last))).toMatch(/data of 1 of its entries is missing/);
  });

  it('refuses what follows the last block, and a block that nothing asks for', async () => {
    expect(await verdict(Buffer.concat([archive, Buffer.from('\n')]))).toMatch(/cut short/);
    expect(await verdict(Buffer.concat([archive, archive.subarray(0, 100)]))).toMatch(/not expected/);
  });

  it('leaves an archive of an unknown version to pg_restore, which refuses what it does not know', async () => {
    expect(await verdict(changed(6, 99))).toMatch(/pg_restore ended with status 1/);
    expect(await verdict(Buffer.from('no archive at all'))).toMatch(/pg_restore ended with status 1/);
  });
});
