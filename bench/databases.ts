/**
 * `npm run bench -- --databases`: all databases of a server, against the shell loop that administrators write.
 *
 * MariaDB: `mariadb-dump | zstd -3` in `xargs -P2`, with mydumper beside it; PostgreSQL:
 * `pg_dump -Fc -Z0 | zstd -3`. Runs alternate, and each pair gives one ratio; the median counts, by the clock. The
 * processors' time, without that of the servers, stands beside. Then pairs of databases under a writer. Servers are
 * started for the run and hold nothing else.
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type MariadbServer, mariadb, startMariadb } from '../test/support/mariadb.ts';
import {
  type PostgresqlServer,
  postgresqlClient,
  psql,
  startPostgresql,
} from '../test/support/postgresql.ts';
import { buildPackage } from './contestants/holdfast.ts';
import { benchPairs } from './database-pairs.ts';
import { type Command, measure, type Sample } from './measure.ts';

export const databasesUsage = `npm run bench -- --databases [OPTION]...
  --count N      databases on each server, two to an account (default 50)
  --megabytes N  of text in each (default 8)
  --pairs N      runs of each pair (default 5)
  --source       run the source, not the built package`;

interface Contest {
  readonly title: string;
  /** Whether our target speaks of it. */
  readonly judged: boolean;
  /** Each writes into an empty directory; the first is ours. */
  readonly ours: (to: string) => Command;
  readonly theirs: (to: string) => Command;
}

const highestRatio = 1.1;
const checkout = join(import.meta.dirname, '..');

/** @returns exit status: 1 where a target is missed */
export async function benchDatabases(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      databases: { type: 'boolean' },
      count: { type: 'string', default: '50' },
      megabytes: { type: 'string', default: '8' },
      pairs: { type: 'string', default: '5' },
      source: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    console.log(databasesUsage);
    return 0;
  }
  const [count, megabytes, pairs] = [Number(values.count), Number(values.megabytes), Number(values.pairs)];
  if (!values.source) buildPackage();
  const main = join(checkout, values.source ? 'src/cli/main.ts' : 'dist/cli/main.js');
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
    await settle(mysql, postgres);
    configure(dir, [mysql.config, postgres.config]);
    const server = { host: '127.0.0.1', port: postgres.port };
    const listed = join(dir, 'names');
    writeFileSync(listed, names.join('\n'));
    const contestants: Contestants = { main, dir, listed, count: names.length };
    const contests = [
      ...mariadbContests(contestants, mysql.config.socket),
      postgresqlContest(contestants, server),
    ];
    let status = (await benchPairs(mysql)) ? 0 : 1;
    for (const contest of contests) if (!play(contest, pairs, dir)) status = 1;
    return status;
  } finally {
    await Promise.all([mysql.stop(), postgres.stop()]);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Servers go on writing for minutes about what was loaded; whoever comes first would pay for it. */
async function settle(mysql: MariadbServer, postgres: PostgresqlServer): Promise<void> {
  await psql(postgres, 'ALTER SYSTEM SET autovacuum = off');
  await psql(postgres, 'SELECT pg_reload_conf()');
  await postgresqlClient(postgres, 'vacuumdb', ['--all', '--quiet', '--freeze', '--analyze'], 'postgres');
  await psql(postgres, 'CHECKPOINT');
  const [usual] = (await mariadb(mysql, 'SELECT @@innodb_max_dirty_pages_pct')).split('\n');
  await mariadb(mysql, 'SET GLOBAL innodb_max_dirty_pages_pct = 0');
  const isDirty = async (): Promise<boolean> =>
    !/\t0\n/.test(await mariadb(mysql, "SHOW STATUS LIKE 'Innodb_buffer_pool_pages_dirty'"));
  for (let looks = 0; looks < 120 && (await isDirty()); looks += 1) await sleep(500);
  await mariadb(mysql, `SET GLOBAL innodb_max_dirty_pages_pct = ${usual}`);
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

interface Contestants {
  /** What runs us. */
  readonly main: string;
  readonly dir: string;
  /** File with the names of the databases, one a line. */
  readonly listed: string;
  readonly count: number;
}

function holdfast({ main, dir }: Contestants, engine: string): (to: string) => Command {
  const program = [process.execPath, main, '--config', join(dir, 'config'), '--quiet'];
  return (to) => ({ stages: [[...program, 'db', 'export', '--all', '--engine', engine, '--to', to]] });
}

const options = '--single-transaction --quick --hex-blob --routines --events --triggers';

function mariadbContests(contestants: Contestants, socket: string): Contest[] {
  const ours = holdfast(contestants, 'mariadb');
  const dump = `mariadb-dump --no-defaults -uroot -S ${socket} ${options} {} | zstd -q -3 > "$0/{}.sql.zst"`;
  // It compresses with gzip only, as Debian has it.
  const mydumper = (to: string): Command => ({
    stages: [
      ['mydumper', '-u', 'root', '-S', socket, '-t', '2', '-c', '-G', '-E', '-R', '-x', '^acc', '-o', to],
    ],
  });
  const title = `${contestants.count} MariaDB databases`;
  const theirs = loop(contestants, dump);
  return [
    { title: `${title} / mariadb-dump | zstd -3, xargs -P2`, judged: true, ours, theirs },
    { title: `${title} / mydumper -t 2 -c`, judged: false, ours, theirs: mydumper },
  ];
}

function postgresqlContest(
  contestants: Contestants,
  { host, port }: { readonly host: string; readonly port: number },
): Contest {
  const dump = `pg_dump -h ${host} -p ${port} -U postgres -Fc -Z0 {} | zstd -q -3 > "$0/{}.pgdump.zst"`;
  const title = `${contestants.count} PostgreSQL databases / pg_dump -Fc -Z0 | zstd -3, xargs -P2`;
  return { title, judged: true, ours: holdfast(contestants, 'postgresql'), theirs: loop(contestants, dump) };
}

function loop({ listed }: Contestants, command: string): (to: string) => Command {
  return (to) => {
    mkdirSync(to);
    return { stages: [['xargs', '-a', listed, '-P2', '-I{}', 'sh', '-c', command, to]] };
  };
}

function play({ title, judged, ours, theirs }: Contest, pairs: number, dir: string): boolean {
  const samples: { readonly ours: Sample; readonly theirs: Sample }[] = [];
  // One of each that nobody counts: the servers' caches are warm for both.
  once(theirs, dir);
  once(ours, dir);
  for (let at = 0; at < pairs; at += 1) {
    const [first, second] = at % 2 === 0 ? [ours, theirs] : [theirs, ours];
    const [one, two] = [once(first, dir), once(second, dir)];
    samples.push(at % 2 === 0 ? { ours: one, theirs: two } : { ours: two, theirs: one });
  }
  const compare = (
    unit: 'commandSeconds' | 'cpuSeconds',
  ): { readonly text: string; readonly ratio: number } => {
    const ratio = median(samples.map((one) => one.ours[unit] / one.theirs[unit]));
    const [us, them] = (['ours', 'theirs'] as const).map((who) =>
      median(samples.map((one) => one[who][unit])),
    );
    return {
      ratio,
      text: `ours ${us?.toFixed(2)} s, theirs ${them?.toFixed(2)} s, ratio ${ratio.toFixed(2)}`,
    };
  };
  const wall = compare('commandSeconds');
  const met = wall.ratio <= highestRatio;
  const verdict = judged ? ` (at most ${highestRatio}): ${met ? 'pass' : 'MISS'}` : '';
  console.log(`${title}\n  ${wall.text}${verdict}; processors ${compare('cpuSeconds').text}`);
  return met || !judged;
}

function once(work: (to: string) => Command, dir: string): Sample {
  const to = join(dir, 'out');
  if (existsSync(to)) rmSync(to, { recursive: true });
  return measure([work(to)], { sync: false });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
