import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutTime } from '../../../../src/core/databases/postgresql/archive-time.ts';
import { type PostgresqlServer, psql, startPostgresql } from '../../../support/postgresql.ts';

async function cleared(...chunks: readonly Buffer[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of withoutTime(chunksOf(chunks))) parts.push(part);
  return Buffer.concat(parts);
}

async function* chunksOf(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

describe('archives of a real pg_dump', () => {
  let server: PostgresqlServer;
  let archive: Buffer;
  beforeAll(async () => {
    server = await startPostgresql();
    await psql(server, 'CREATE TABLE t (i int); INSERT INTO t SELECT generate_series(1, 1000)');
    const args = ['-Fc', '-Z0', '-h', '127.0.0.1', '-p', String(server.port), '-U', 'postgres', 'postgres'];
    archive = execFileSync('pg_dump', args);
  });
  afterAll(() => server.stop());

  it('lose nothing but their time, and list the beginning of 2000', async () => {
    const rewritten = await cleared(archive);
    const list = (input: Buffer): string =>
      execFileSync('pg_restore', ['-l'], { input, env: { ...process.env, TZ: 'UTC' } }).toString();
    const entries = (text: string): string => text.replace(/^; Archive created at .*$/m, '');

    expect(rewritten.length).toBe(archive.length);
    expect(list(rewritten)).toMatch(/^; Archive created at 2000-01-01 00:00:00 UTC$/m);
    expect(entries(list(rewritten))).toBe(entries(list(archive)));
    const differences = [...rewritten.keys()].filter((i) => rewritten[i] !== archive[i]);
    expect(differences.filter((i) => i < 11 || i > 60)).toEqual([]);
  });

  it('become the same however they come in pieces', async () => {
    const whole = await cleared(archive);
    for (const at of [1, 5, 17, 50, 127, 128, 129]) {
      expect((await cleared(archive.subarray(0, at), archive.subarray(at))).equals(whole)).toBe(true);
    }
  });
});

describe('what is no archive of a known layout', () => {
  it('passes as it is', async () => {
    const header = (...bytes: readonly number[]): Buffer =>
      Buffer.concat([Buffer.from('PGDMP'), Buffer.from(bytes), Buffer.alloc(200, 7)]);
    const strange = [
      Buffer.alloc(0),
      Buffer.from('PGDMP'),
      Buffer.from('-- PostgreSQL database dump\n'.repeat(20)),
      header(2, 15, 0, 4, 8, 1),
      header(1, 99, 0, 4, 8, 1),
      header(1, 15, 0, 4, 8, 5),
      header(1, 15, 0, 200, 8, 1),
    ];
    for (const bytes of strange) expect((await cleared(bytes)).equals(bytes)).toBe(true);
  });

  it('is cleared in the newer layout, whose compression is one byte', async () => {
    const newer = Buffer.concat([
      Buffer.from('PGDMP'),
      Buffer.from([1, 16, 0, 4, 8, 1]),
      Buffer.alloc(200, 7),
    ]);
    const result = await cleared(newer);

    expect(result[11]).toBe(7);
    expect([...result.subarray(12, 47)].filter((byte) => byte !== 0)).toEqual([1, 100]);
    expect(result[47]).toBe(7);
  });
});
