/**
 * `npm run bench -- --databases`: all databases of a server, against the shell loop that administrators write.
 *
 * MariaDB: `mariadb-dump | zstd -3` in `xargs -P2`, and mydumper where it is installed; PostgreSQL:
 * `pg_dump -Fc -Z0 | zstd -3`. Runs alternate, and each pair gives one ratio; the median counts. Servers are
 * started for the run and hold nothing else.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mariadb, startMariadb } from '../test/support/mariadb.ts';
import { psql, startPostgresql } from '../test/support/postgresql.ts';

export const databasesUsage = `npm run bench -- --databases [OPTION]...
  --count N      databases on each server, two to an account (default 50)
  --megabytes N  of text in each (default 8)
  --pairs N      runs of each pair (default 5)`;

interface Contest {
  readonly title: string;
  /** Each writes into an empty directory; the first is ours. */
  readonly ours: (to: string) => void;
  readonly theirs: (to: string) => void;
}

const highestRatio = 1.1;
const main = join(import.meta.dirname, '../src/cli/main.ts');

/** @returns exit status: 1 where a target is missed */
export async function benchDatabases(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      databases: { type: 'boolean' },
      count: { type: 'string', default: '50' },
      megabytes: { type: 'string', default: '8' },
      pairs: { type: 'string', default: '5' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    console.log(databasesUsage);
    return 0;
  }
  const [count, megabytes, pairs] = [Number(values.count), Number(values.megabytes), Number(values.pairs)];
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-databases-'));
  const [mysql, postgres] = await Promise.all([startMariadb(), startPostgresql()]);
  try {
    const accounts = Array.from(
      { length: Math.ceil(count / 2) },
      (_, at) => `acc${String(at).padStart(3, '0')}`,
    );
    const names = accounts.flatMap((name) => [`${name}_one`, `${name}_two`]).slice(0, count);
    for (const name of accounts) mkdirSync(join(dir, 'home', name), { recursive: true });
    for (const name of names) {
      await mariadb(mysql, mariadbContents(name, megabytes));
      await psql(postgres, `CREATE DATABASE ${name}`);
      await psql(postgres, postgresqlContents(megabytes), name);
    }
    configure(dir, [mysql.config, postgres.config]);
    const server = { host: '127.0.0.1', port: postgres.port };
    const contests = [
      ...mariadbContests(dir, mysql.config.socket, names),
      postgresqlContest(dir, server, names),
    ];
    let status = 0;
    for (const contest of contests) if (!play(contest, pairs, dir)) status = 1;
    return status;
  } finally {
    await Promise.all([mysql.stop(), postgres.stop()]);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A few small tables and one large, as blogs have; the text shrinks to about a fifth. */
const mariadbContents = (name: string, megabytes: number): string => `
  CREATE DATABASE ${name}; USE ${name};
  CREATE TABLE posts (id INT PRIMARY KEY, title VARCHAR(200), body TEXT, KEY (title)) ENGINE=InnoDB;
  INSERT INTO posts SELECT seq, CONCAT('post ', seq),
    CONCAT(MD5(seq), ' ', REPEAT(CONCAT('words of post ', seq MOD 97, ', '), 24), SHA2(seq, 512), MD5(-seq))
    FROM seq_1_to_${Math.round(megabytes * 1300)};
  ${Array.from({ length: 11 }, (_, at) => `CREATE TABLE meta${at} AS SELECT seq id, MD5(seq) value FROM seq_1_to_50;`).join('\n')}`;

const postgresqlContents = (megabytes: number): string => `
  CREATE TABLE posts AS SELECT i AS id, 'post ' || i AS title,
    md5(i::text) || ' ' || repeat('words of post ' || i % 97 || ', ', 24) || sha512(i::text::bytea)::text || md5((-i)::text) AS body
    FROM generate_series(1, ${Math.round(megabytes * 1300)}) i;
  ${Array.from({ length: 11 }, (_, at) => `CREATE TABLE meta${at} AS SELECT i id, md5(i::text) v FROM generate_series(1, 50) i;`).join('\n')}`;

function configure(dir: string, databases: readonly object[]): void {
  mkdirSync(join(dir, 'config'));
  const family = (name: string) => ({ family: name, prefix: '{name}_' });
  const rule = { path: join(dir, 'home/*'), databases: [family('mysql'), family('postgresql')] };
  writeFileSync(
    join(dir, 'config/config.json'),
    JSON.stringify({ panel: { use: 'generic', accounts: [rule] }, databases }),
  );
}

function holdfast(dir: string, engine: string): (to: string) => void {
  const args = [
    main,
    '--config',
    join(dir, 'config'),
    '--quiet',
    'db',
    'export',
    '--all',
    '--engine',
    engine,
  ];
  return (to) => run(process.execPath, [...args, '--to', to]);
}

const options = '--single-transaction --quick --hex-blob --routines --events --triggers';

function mariadbContests(dir: string, socket: string, names: readonly string[]): Contest[] {
  const ours = holdfast(dir, 'mariadb');
  const dump = `mariadb-dump --no-defaults -uroot -S ${socket} ${options} {} | zstd -q -3 > "$0/{}.sql.zst"`;
  const found = spawnSync('mydumper', ['--version']).error === undefined;
  const mydumper = (to: string): void =>
    run('mydumper', ['-u', 'root', '-S', socket, '-t', '2', '-c', 'ZSTD', '-x', '^acc', '-o', to]);
  const title = `${names.length} MariaDB databases`;
  return [
    { title: `${title} / mariadb-dump | zstd -3, xargs -P2`, ours, theirs: (to) => loop(dump, names, to) },
    ...(found ? [{ title: `${title} / mydumper -t 2`, ours, theirs: mydumper }] : []),
  ];
}

function postgresqlContest(
  dir: string,
  { host, port }: { readonly host: string; readonly port: number },
  names: readonly string[],
): Contest {
  const dump = `pg_dump -h ${host} -p ${port} -U postgres -Fc -Z0 {} | zstd -q -3 > "$0/{}.pgdump.zst"`;
  const title = `${names.length} PostgreSQL databases / pg_dump -Fc -Z0 | zstd -3, xargs -P2`;
  return { title, ours: holdfast(dir, 'postgresql'), theirs: (to) => loop(dump, names, to) };
}

function loop(command: string, names: readonly string[], to: string): void {
  mkdirSync(to);
  execFileSync('xargs', ['-P2', '-I{}', 'sh', '-c', command, to], { input: names.join('\n') });
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, [...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
}

function play({ title, ours, theirs }: Contest, pairs: number, dir: string): boolean {
  const samples: { readonly ours: number; readonly theirs: number }[] = [];
  // One of each that nobody counts: the servers' caches are warm for both.
  timed(theirs, dir);
  timed(ours, dir);
  for (let at = 0; at < pairs; at += 1) {
    const first = at % 2 === 0 ? timed(ours, dir) : timed(theirs, dir);
    const second = at % 2 === 0 ? timed(theirs, dir) : timed(ours, dir);
    samples.push(at % 2 === 0 ? { ours: first, theirs: second } : { ours: second, theirs: first });
  }
  const ratio = median(samples.map((one) => one.ours / one.theirs));
  const seconds = (key: 'ours' | 'theirs'): string => median(samples.map((one) => one[key])).toFixed(2);
  const verdict = ratio <= highestRatio ? 'pass' : 'MISS';
  console.log(
    `${title}\n  ours ${seconds('ours')} s, theirs ${seconds('theirs')} s, ratio ${ratio.toFixed(2)} (at most ${highestRatio}): ${verdict}`,
  );
  return ratio <= highestRatio || title.includes('mydumper');
}

function timed(work: (to: string) => void, dir: string): number {
  const to = join(dir, 'out');
  if (existsSync(to)) rmSync(to, { recursive: true });
  const began = performance.now();
  work(to);
  return (performance.now() - began) / 1000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
