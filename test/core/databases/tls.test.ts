/** Encrypted connections, by the driver and by the clients, to servers that refuse any other. */

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DatabaseInstanceConfig, openDatabaseEngine } from '../../../src/core/databases/index.ts';
import { readBody } from '../../support/clients.ts';
import { type MariadbServer, mariadb, startMariadb } from '../../support/mariadb.ts';
import { type PostgresqlServer, psql, startPostgresql } from '../../support/postgresql.ts';

const signal = new AbortController().signal;
let dir: string;
let ca: string;
let mysql: MariadbServer;
let postgres: PostgresqlServer;

beforeAll(async () => {
  dir = mkdtempSync('/tmp/hf-tls-');
  chmodSync(dir, 0o755);
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const newKey = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
  ];
  openssl(...newKey, '-subj', '/CN=test authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl(
    ...[...newKey, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
    ...['-CA', 'ca.pem', '-CAkey', 'ca.key', '-keyout', 'server.key', '-out', 'server.pem'],
  );
  ca = join(dir, 'ca.pem');
  chmodSync(join(dir, 'server.key'), 0o644);
  process.env['MARIADBD_OPTIONS'] = `--ssl-cert=${dir}/server.pem --ssl-key=${dir}/server.key --ssl-ca=${ca}`;
  try {
    [mysql, postgres] = await Promise.all([startMariadb(), startPostgresql()]);
  } finally {
    delete process.env['MARIADBD_OPTIONS'];
  }
  await mariadb(
    mysql,
    `CREATE DATABASE exa_t; CREATE TABLE exa_t.t (i int);
     CREATE USER 'far'@'localhost' IDENTIFIED BY 'f' REQUIRE SSL; GRANT ALL ON *.* TO 'far'@'localhost';
     CREATE USER 'far'@'127.0.0.1' IDENTIFIED BY 'f' REQUIRE SSL; GRANT ALL ON *.* TO 'far'@'127.0.0.1'`,
  );
  const { uid, gid } = statOf('postgres');
  for (const name of ['server.pem', 'server.key']) {
    copyFileSync(join(dir, name), join(postgres.dir, name));
    chownSync(join(postgres.dir, name), uid, gid);
    chmodSync(join(postgres.dir, name), 0o600);
  }
  for (const setting of [
    `ssl_cert_file = '${postgres.dir}/server.pem'`,
    `ssl_key_file = '${postgres.dir}/server.key'`,
    'ssl = on',
  ]) {
    await psql(postgres, `ALTER SYSTEM SET ${setting}`);
  }
  await psql(postgres, 'SELECT pg_reload_conf()');
  await psql(postgres, 'CREATE DATABASE exa_p');
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await Promise.all([mysql?.stop(), postgres?.stop()]);
});

function statOf(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function exportOne(config: DatabaseInstanceConfig, database: string): Promise<string> {
  const engine = await openDatabaseEngine(config, { now: Date.now });
  try {
    const selector = {
      family: config.engine === 'postgresql' ? ('postgresql' as const) : ('mysql' as const),
      prefix: 'exa_',
      admin: null,
      names: [],
    };
    const { exports } = await engine.exports({ databases: [database], selector, plain: true, signal });
    return (await readBody(exports[0]!.body)).toString();
  } finally {
    await engine.close();
  }
}

const far = (host: string): DatabaseInstanceConfig => ({
  name: 'far',
  engine: 'mariadb',
  host,
  port: mysql.port,
  user: 'far',
  password: 'f',
});
const remote = (host: string): DatabaseInstanceConfig => ({ ...postgres.config, host });

describe('tls', () => {
  it('encrypts the connections of driver and client, and proves the name of the server', async () => {
    expect(await exportOne({ ...far('localhost'), tls: { ca } }, 'exa_t')).toContain('CREATE TABLE `t`');
    expect(await exportOne({ ...far('127.0.0.1'), tls: {} }, 'exa_t')).toContain('CREATE TABLE `t`');
    expect(await exportOne({ ...remote('localhost'), tls: { ca } }, 'exa_p')).toContain('dump complete');
    expect(await exportOne({ ...remote('127.0.0.1'), tls: {} }, 'exa_p')).toContain('dump complete');
  });

  it('refuses a server that cannot prove its name, and one that wants encryption refuses us without', async () => {
    const other = join(dir, 'server.pem');
    for (const config of [
      { ...far('localhost'), tls: { ca: '/etc/hostname' } },
      far('127.0.0.1'),
      { ...remote('127.0.0.1'), tls: { ca } },
      { ...remote('localhost'), tls: { ca: other } },
    ]) {
      const database = config.engine === 'postgresql' ? 'exa_p' : 'exa_t';
      await expect(exportOne(config, database)).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    }
    const missing = exportOne({ ...far('localhost'), tls: { ca: '/nonexistent' } }, 'exa_t');
    await expect(missing).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
