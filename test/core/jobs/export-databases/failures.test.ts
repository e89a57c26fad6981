/** Every way in which an export breaks off: a failed one, the old file intact, and the run goes on. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Account } from '../../../../src/core/contracts/panel.ts';
import { type DatabaseInstanceConfig, openDatabaseEngine } from '../../../../src/core/databases/index.ts';
import { chooseDatabases } from '../../../../src/core/jobs/export-databases/choose.ts';
import { directoryTarget } from '../../../../src/core/jobs/export-databases/directory-target.ts';
import { exportDatabases } from '../../../../src/core/jobs/export-databases/export-databases.ts';
import { clientsBelowUs, writeClient } from '../../../support/clients.ts';
import { type MariadbServer, mariadb, startMariadb } from '../../../support/mariadb.ts';
import { type PostgresqlServer, psql, startPostgresql } from '../../../support/postgresql.ts';

const signal = new AbortController().signal;
const everything = { databases: [], exclude: [], engines: [] };
let mysql: MariadbServer;
let postgres: PostgresqlServer;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-exports-'));
  [mysql, postgres] = await Promise.all([startMariadb(), startPostgresql()]);
  await mariadb(
    mysql,
    `CREATE DATABASE exa_a; USE exa_a; CREATE TABLE exa_a.t (v text);
     INSERT INTO exa_a.t SELECT CONCAT(HEX(RANDOM_BYTES(1000)), HEX(RANDOM_BYTES(1000))) FROM seq_1_to_2000;
     CREATE DATABASE exa_b; CREATE TABLE exa_b.t (v text); INSERT INTO exa_b.t VALUES ('b');
     CREATE DATABASE exb_c; CREATE TABLE exb_c.t (v text); INSERT INTO exb_c.t VALUES ('c');`,
  );
  await psql(postgres, 'CREATE DATABASE exa_p');
  await psql(
    postgres,
    "CREATE TABLE t AS SELECT repeat('x', 1000) v, i FROM generate_series(1, 3000) i",
    'exa_p',
  );
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await Promise.all([mysql?.stop(), postgres?.stop()]);
});

const accountOf = (site: string, prefix: string): Account => ({
  site,
  home: null,
  domain: null,
  aliases: [],
  plan: null,
  state: 'active',
  problem: null,
  owner: null,
  trees: [],
  databases: (['mysql', 'postgresql'] as const).map((family) => ({ family, prefix, admin: null, names: [] })),
  metadata: {},
});

interface Trial {
  readonly mysql?: Partial<DatabaseInstanceConfig>;
  readonly postgres?: Partial<DatabaseInstanceConfig>;
  readonly plain?: boolean;
  readonly onBytes?: (bytes: number) => void;
}

/** `mariadb/exa_a` and so on, with the code of the error or null. */
async function exportAll(to: string, trial: Trial = {}): Promise<Record<string, string | null>> {
  const world = { now: Date.now };
  const engines = await Promise.all([
    openDatabaseEngine({ ...mysql.config, ...trial.mysql }, world),
    openDatabaseEngine({ ...postgres.config, ...trial.postgres }, world),
  ]);
  try {
    const accounts = [accountOf('site1', 'exa_'), accountOf('site2', 'exb_')];
    const outcomes = await exportDatabases({
      groups: await chooseDatabases(accounts, engines, everything, signal),
      target: directoryTarget(to, { compression: 'zstd', now: Date.now }),
      plain: trial.plain ?? false,
      concurrency: 2,
      now: Date.now,
      newObjectId: () => crypto.randomUUID().replaceAll('-', ''),
      signal,
      onEvent: (event) => event.type === 'bytes' && trial.onBytes?.(event.bytes),
    });
    expect(clientsBelowUs('mariadb-dump')).toEqual([]);
    const entries = outcomes.map(({ instance, database, error }) => [
      `${instance}/${database}`,
      error?.code ?? null,
    ]);
    return Object.fromEntries(entries.sort()) as Record<string, string | null>;
  } finally {
    await Promise.all(engines.map((engine) => engine.close()));
  }
}

const allGood = {
  'mariadb/exa_a': null,
  'mariadb/exa_b': null,
  'mariadb/exb_c': null,
  'postgresql/exa_p': null,
};
const without = (...failed: readonly (keyof typeof allGood)[]) => ({
  ...allGood,
  ...Object.fromEntries(failed.map((name) => [name, 'EXPORT_FAILED'])),
});

function filesIn(to: string): Record<string, Buffer> {
  const names = readdirSync(to, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.'));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(to, name))]));
}

/** A first export, then one in which the given database fails; the other files are new, its own is the old. */
async function trial(name: string, failing: Trial, failed: readonly (keyof typeof allGood)[]): Promise<void> {
  const to = join(dir, name);
  expect(await exportAll(to, { plain: failing.plain ?? false })).toEqual(allGood);
  const before = filesIn(to);
  await mariadb(mysql, `INSERT INTO exb_c.t VALUES ('${name}')`);
  expect(await exportAll(to, failing)).toEqual(without(...failed));
  const after = filesIn(to);
  expect(Object.keys(after)).toEqual(Object.keys(before));
  expect(zstdDecompressSync(after['site2/mariadb/exb_c.sql.zst']!).toString()).toContain(`('${name}')`);
  for (const one of failed) {
    const path = Object.keys(before).find((path) => path.includes(`${one}.`) && path.endsWith('.zst'))!;
    expect(after[path]!.equals(before[path]!)).toBe(true);
  }
}

/** Does `script` for exa_a, and what the client does for all others. */
const clientFor = (name: string, script: string): string =>
  writeClient(dir, `dump-${name}`, `case "$*" in *" exa_a") ${script};; *) exec mariadb-dump "$@";; esac`);

/** A dump that is held after its first bytes until there are these files, half a minute at most. */
const heldUntil = (bytes: number, ...files: readonly string[]): string => {
  const there = files.map((file) => `[ -e ${file} ]`).join(' && ');
  const held = `for _ in $(seq 1500); do ${there} && break; sleep 0.02; done`;
  return `mariadb-dump "$@" | (head -c ${bytes}; ${held}; cat)`;
};

describe('an export fails alone, and leaves the file before it', () => {
  it.each([
    ['killed', 'mariadb-dump "$@" | head -c 100000; kill -9 $$'],
    ['truncated', 'mariadb-dump "$@" | head -c 100000'],
    ['trailerless', 'mariadb-dump "$@" | sed "\\$d"'],
    ['empty', 'exit 0'],
    ['complaining', 'mariadb-dump "$@"; exit 2'],
  ])('where a MariaDB dump is %s', async (name, script) => {
    await trial(name, { mysql: { clientPath: clientFor(name, script) } }, ['mariadb/exa_a']);
  });

  it.each([
    ['cut short', 'pg_dump "$@" | head -c 50000', false],
    ['cut short in SQL', 'pg_dump "$@" | head -c 50000', true],
    ['empty', 'exit 0', false],
    ['killed', 'pg_dump "$@" | head -c 5000; kill -9 $$', true],
  ])('where a PostgreSQL dump is %s', async (name, script, plain) => {
    const clientPath = writeClient(dir, 'pg_dump-false', script);
    await trial(`pg ${name}`, { postgres: { clientPath }, plain }, ['postgresql/exa_p']);
  });

  it('where the client falls silent', async () => {
    const clientPath = clientFor('silent', 'mariadb-dump "$@" | head -c 100000; sleep 600');
    const started = Date.now();
    await trial('silent', { mysql: { clientPath, stallMinutes: 0.02 } }, ['mariadb/exa_a']);
    expect(Date.now() - started).toBeLessThan(20_000);
  });

  it('where the connection is ended in the middle', async () => {
    const killed = join(dir, 'was-killed');
    const reads = `SELECT id FROM information_schema.PROCESSLIST WHERE db = 'exa_a' AND info LIKE 'SELECT /*!4%'`;
    const killReader = async (): Promise<void> => {
      const id = await vi.waitFor(
        async () => {
          const [found] = /\d+/.exec(await mariadb(mysql, reads)) ?? [];
          expect(found).toBeDefined();
          return found;
        },
        { timeout: 20_000 },
      );
      await mariadb(mysql, `KILL ${id}`);
    };
    let killing: Promise<void> | undefined;
    await trial(
      'disconnected',
      {
        mysql: { clientPath: clientFor('held', heldUntil(200_000, killed)) },
        onBytes: () => {
          killing ??= killReader().then(() => writeFileSync(killed, ''));
        },
      },
      ['mariadb/exa_a'],
    );
    await killing;
  });

  it('where the disk is full', async () => {
    const to = join(dir, 'full');
    mkdirSync(to, { recursive: true });
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', to]).status).toBe(0);
    try {
      // The large one waits, so that the others are written before it fills the disk.
      const others = [
        'site1/mariadb/exa_b.sql.zst',
        'site2/mariadb/exb_c.sql.zst',
        'site1/postgresql/exa_p.pgdump.zst',
      ];
      const clientPath = clientFor('large', heldUntil(100_000, ...others.map((one) => join(to, one))));
      const outcomes = await exportAll(to, { mysql: { clientPath } });
      expect(outcomes).toEqual({ ...allGood, 'mariadb/exa_a': 'TARGET_UNWRITABLE' });
      expect(readdirSync(join(to, 'site1/mariadb'))).toEqual(['exa_b.sql.zst']);
    } finally {
      spawnSync('umount', ['--lazy', to]);
    }
  });

  it('where the server goes away', async () => {
    const gone = await startMariadb();
    await mariadb(
      gone,
      `CREATE DATABASE exa_a; USE exa_a; CREATE TABLE exa_a.t (v text);
       INSERT INTO exa_a.t SELECT HEX(RANDOM_BYTES(1000)) FROM seq_1_to_5000`,
    );
    const stoppedFlag = join(dir, 'was-stopped');
    let stopped: Promise<void> | undefined;
    const outcomes = await exportAll(join(dir, 'gone'), {
      mysql: {
        socket: gone.config.socket,
        clientPath: clientFor('stopped', heldUntil(300_000, stoppedFlag)),
      },
      onBytes: () => {
        stopped ??= gone.stop().then(() => writeFileSync(stoppedFlag, ''));
      },
    });
    await stopped;
    expect(outcomes).toEqual({ 'mariadb/exa_a': 'EXPORT_FAILED', 'postgresql/exa_p': null });
    expect(readdirSync(join(dir, 'gone/site1/mariadb'))).toEqual([]);
  });
});
