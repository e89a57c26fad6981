/** Imports of databases through the command line, with real servers. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { AccountsDocument } from '../../src/cli/documents/accounts.ts';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { DatabaseImportDocument } from '../../src/cli/documents/database-import.ts';
import type { RestoreInPlaceDocument } from '../../src/cli/documents/restore-in-place.ts';
import { newKeyPair } from '../../src/core/age/x25519.ts';
import { identityText, recipientText } from '../../src/core/encryption/key-text.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';
import { selectorOf } from '../support/imports.ts';
import { type MariadbServer, mariadb, startMariadb } from '../support/mariadb.ts';
import { type PostgresqlServer, postgresqlClient, psql, startPostgresql } from '../support/postgresql.ts';
import { populateDatabases } from '../support/sample-databases.ts';
import { buildSamplePanel, type SampleAccount, type SamplePanel } from '../support/sample-panel.ts';

let site: CliSite;
let panel: SamplePanel;
let account: SampleAccount;
let mysql: MariadbServer;
let postgres: PostgresqlServer;
/** The addin configuration whose backups are encrypted. */
let locked: string;

beforeAll(async () => {
  const dir = makeDirectory();
  [panel, mysql, postgres] = await Promise.all([
    buildSamplePanel(join(dir, 'panel'), { accounts: 2, filesPerAccount: 5 }),
    startMariadb(),
    startPostgresql(),
  ]);
  account = panel.accounts[0]!;
  await populateDatabases({
    accounts: panel.accounts,
    mariadb: { socketPath: mysql.config.socket, user: 'root' },
    postgresql: { host: '127.0.0.1', port: postgres.port, user: 'postgres', database: 'postgres' },
    rows: 20,
  });
  const databases = [mysql.config, postgres.config];
  site = makeSite({ panel: { use: 'apiscp', root: panel.root }, databases, keepReplacedDays: 2 }, dir);
  locked = join(site.config, 'addins.d/locked.json');
  expect((await site.holdfast('backup', '--account', account.site, '--quiet')).status).toBeLessThan(101);
});

afterAll(async () => {
  await Promise.all([mysql?.stop(), postgres?.stop()]);
  site?.remove();
});

const db = (name: string): string => `${account.prefix}${name}`;
const importing = (...args: readonly string[]) =>
  site.holdfast('db', 'import', ...args, '--account', account.site);

async function imported(...args: readonly string[]): Promise<DatabaseImportDocument> {
  const result = await importing(...args, '--json');
  if (result.status !== 0 && result.status !== errorCodes.FINISHED_WITH_WARNINGS.exit)
    throw new Error(result.stderr);
  return documentOf<DatabaseImportDocument>('database-import', result);
}

const posts = () => mariadb(mysql, `SELECT COUNT(*) FROM ${db('wp')}.posts`);

/** A name of its own for each try of a test. */
let tries = 0;

/** Into a store of its own; only who has the identity can read it. @returns how to restore from there */
async function backUpEncrypted(): Promise<string[]> {
  const { publicKey, privateKey } = newKeyPair();
  tries += 1;
  const name = `locked${tries}`;
  const [path, identity] = [join(site.dir, name), join(site.dir, `${name}.identity`)];
  writeFileSync(identity, identityText(privateKey), { mode: 0o600 });
  writeJson(locked, {
    name,
    provider: { use: 's3-tar' },
    store: { use: 'local', path },
    encryption: { recipients: [recipientText(publicKey)] },
  });
  const made = await site.holdfast('backup', '--addin', name, '--account', account.site, '--json');
  const { components } = documentOf<BackupDocument>('backup', made).snapshots[0]!;
  expect(components.filter(({ type }) => type === 'database').length).toBeGreaterThan(2);
  expect(components.filter(({ state }) => state !== 'complete')).toEqual([]);
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' });
  expect(files.filter((name) => /\.(?:sql|pgdump)\.zst\.age$/.test(name)).length).toBeGreaterThan(2);
  expect(files.filter((name) => /^data\/.*\.zst$/.test(name))).toEqual([]);
  return ['--addin', name, '--identity', identity];
}

describe('db import', () => {
  it('replaces a live database from the latest snapshot, and brings it back', async () => {
    await mariadb(mysql, `DELETE FROM ${db('wp')}.posts WHERE id > 3`);

    const document = await imported('latest', '--database', db('wp'), '--replace');

    expect(document.databases[0]).toMatchObject({ database: db('wp'), instance: 'mariadb', replaced: true });
    expect(document.databases[0]?.tables).toContainEqual({ name: 'posts', rows: 20 });
    const days = (Date.parse(document.databases[0]?.keptUntil ?? '') - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(2);
    expect(await posts()).toBe('20\n');

    expect(await imported('--undo', '--database', db('wp'))).toMatchObject({ undone: true });
    expect(await posts()).toBe('3\n');
  });

  it('says what it did in words, and how to bring the replaced one back', async () => {
    const { stdout, status } = await importing('latest', '--database', db('shop'), '--replace');
    expect(stdout).toMatch(/imported \S+shop from \S+ of \S+ in .*: 3 tables, \d+ rows/);
    expect(stdout).toMatch(new RegExp(`db import --undo --account \\S+ --database ${db('shop')}$`, 'm'));
    expect([0, errorCodes.FINISHED_WITH_WARNINGS.exit]).toContain(status);
  });

  it('imports beside the live one, and under a name of the account only', async () => {
    await psql(postgres, `DROP DATABASE IF EXISTS ${db('app_restored')}`);
    const beside = await imported('latest', '--database', db('app'), '--beside');
    expect(beside.databases[0]).toMatchObject({
      database: db('app_restored'),
      instance: 'postgresql',
      kept: null,
    });
    expect(await psql(postgres, 'SELECT count(*) FROM sales.orders', db('app_restored'))).toBe('20\n');

    const foreign = await importing('latest', '--database', db('wp'), '--as', 'other_wp');
    expect(foreign.status).toBe(errorCodes.USAGE.exit);
    expect(foreign.stderr).toContain('prefix of the account');
    expect(await mariadb(mysql, "SHOW DATABASES LIKE 'other%'")).toBe('');
  });

  it('refuses to touch a live database where --replace was not said', async () => {
    const { status, stderr } = await importing('latest', '--database', db('wp'));
    expect(status).toBe(errorCodes.USAGE.exit);
    expect(stderr).toContain('--replace');
  });

  it("refuses another account's database", async () => {
    const other = `${panel.accounts[1]!.prefix}wp`;
    const file = join(site.dir, 'other.sql');
    writeFileSync(file, `-- Host: x    Database: ${other}\nCREATE TABLE t (a INT);\n`);
    const { status, stderr } = await importing(file, '--database', other, '--replace');
    expect(status).toBe(errorCodes.USAGE.exit);
    expect(stderr).toContain('does not belong');
  });

  it.each(['sql', 'sql.gz', 'sql.zst'])('reads a file ending in .%s', async (ending) => {
    const text = Buffer.from(`CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1),\n(2);\n`);
    const bytes = ending.endsWith('gz')
      ? gzipSync(text)
      : ending.endsWith('zst')
        ? Buffer.concat([zstdCompressSync(text.subarray(0, 30)), zstdCompressSync(text.subarray(30))])
        : text;
    const file = join(site.dir, `dump.${ending}`);
    writeFileSync(file, bytes);
    const name = db(`new_${ending.replaceAll('.', '_')}`);
    await mariadb(mysql, `DROP DATABASE IF EXISTS ${name}`);
    const document = await imported(file, '--database', `mariadb/${name}`);
    expect(document.databases[0]?.tables).toEqual([{ name: 't', rows: 2 }]);
  });

  it.each(['plain', 'encrypted'])('restores %s exports of both engines in place', async (how) => {
    onTestFinished(() => rmSync(locked, { force: true }));
    const from = how === 'plain' ? [] : await backUpEncrypted();
    await mariadb(mysql, `DROP TABLE IF EXISTS ${db('wp')}.attachments`);
    await psql(postgres, 'DELETE FROM sales.orders', db('app'));
    const result = await site.holdfast(
      'restore',
      'latest',
      '--account',
      account.site,
      '--in-place',
      '--database',
      db('wp'),
      '--database',
      `postgresql/${db('app')}`,
      '--json',
      ...from,
    );
    const document = documentOf<DatabaseImportDocument>('database-import', result);
    expect(document.databases.map(({ replaced }) => replaced)).toEqual([true, true]);
    expect(await psql(postgres, 'SELECT count(*) FROM sales.orders', db('app'))).toBe('20\n');
    expect(await posts()).toBe('20\n');
    expect(await mariadb(mysql, `SELECT COUNT(*) > 0 FROM ${db('wp')}.attachments`)).toBe('1\n');
  });

  it('goes on with the others where one of several fails, and ends with its status', async () => {
    const [wp, shop] = [db('wp'), db('shop')];
    const key = `${db('wp')}.held (id INT, p INT, FOREIGN KEY (p) REFERENCES ${shop}.parent (id))`;
    await mariadb(
      mysql,
      `DROP TABLE IF EXISTS ${db('wp')}.held; CREATE TABLE IF NOT EXISTS ${shop}.parent (id INT PRIMARY KEY); CREATE TABLE ${key};
       DELETE FROM ${db('wp')}.posts`,
    );
    const args = ['restore', 'latest', '--account', account.site, '--in-place', '--json'];
    const result = await site.holdfast(...args, '--database', shop, '--database', `mariadb/${wp}`);
    await mariadb(mysql, `SET foreign_key_checks = 0; DROP TABLE ${shop}.parent`);

    expect(result.status).toBe(errorCodes.IMPORT_REFUSED.exit);
    const document = documentOf<DatabaseImportDocument>('database-import', result);
    expect(document.failed).toMatchObject([{ database: shop, code: 'IMPORT_REFUSED' }]);
    expect(document.databases).toMatchObject([{ database: wp, replaced: true }]);
    expect(result.stderr).toContain(`failed: mariadb/${shop}: IMPORT_REFUSED: table `);
    expect(await posts()).toBe('20\n');
  });

  it('is what a restore of the files in place leaves to a command of its own, which it names', async () => {
    const args = ['restore', 'latest', '--account', account.site, '--in-place', '--json'];
    const result = await site.holdfast(...args);

    const { leftDatabases } = documentOf<RestoreInPlaceDocument>('restore-in-place', result);
    expect(leftDatabases).toContain(`mariadb/${db('wp')}`);
    expect(result.stderr).toContain(` --in-place --database mariadb/${db('wp')} --config ${site.config}\n`);
  });

  it('shows with --dry-run what it would do, and does nothing', async () => {
    const document = await imported('latest', '--database', db('wp'), '--beside', '--dry-run');
    expect(document).toMatchObject({
      dryRun: true,
      databases: [{ database: db('wp_restored'), replaced: false }],
    });
    expect(await mariadb(mysql, "SHOW DATABASES LIKE '%restored'")).toBe('');
  });

  it('leaves kept databases out of the next backup, which drops those whose time is over', async () => {
    const directory = join(site.state, 'imports');
    const kept = readdirSync(directory).map((name) => join(directory, name));
    expect(kept.length).toBeGreaterThan(1);
    const [first = ''] = kept;
    const record = JSON.parse(readFileSync(first, 'utf8')) as { kept: string };
    writeJson(first, { ...record, keptUntilMs: 1 });

    const { stdout } = await site.holdfast('backup', '--account', account.site, '--json');

    expect(stdout).not.toContain('holdfast_old');
    expect(stdout).not.toContain('holdfast_new');
    expect(existsSync(first)).toBe(false);
    expect(readdirSync(directory)).toHaveLength(kept.length - 1);
    expect(await mariadb(mysql, `SHOW DATABASES LIKE '${record.kept}'`)).toBe('');
    expect(await psql(postgres, `SELECT 1 FROM pg_database WHERE datname = '${record.kept}'`)).toBe('');
  });

  it('that was killed is told by doctor, and ended by the next backup', async () => {
    const database = db('killed');
    const file = join(site.dir, 'killed.sql');
    writeFileSync(file, 'CREATE TABLE a (x INT);\nINSERT INTO a VALUES (2);\n');
    const live = `CREATE TABLE a (x INT); CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 1`;
    await mariadb(
      mysql,
      `DROP DATABASE IF EXISTS ${database}; CREATE DATABASE ${database}; USE ${database}; ${live}`,
    );
    const { accounts } = documentOf<AccountsDocument>('accounts', await site.holdfast('accounts', '--json'));
    const owner = accounts.find((one) => one.site === account.site)?.uuid;
    const selector = selectorOf('mysql', account.prefix, account.adminUser);
    const at = 'step:live-cleared';
    const request = { config: mysql.config, selector, stateDir: site.state, file, database, at, owner };
    const script = join(import.meta.dirname, '../support/killed-import.ts');
    expect(spawnSync(process.execPath, [script, JSON.stringify(request)]).signal).toBe('SIGKILL');

    expect((await site.holdfast('doctor')).stdout).toContain(`an import of "${database}"`);
    const backup = await site.holdfast('backup', '--account', account.site, '--json');
    expect(backup.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(backup.stdout).toContain('import-ended');
    expect(await mariadb(mysql, `SELECT x FROM ${database}.a`)).toBe('2\n');
    expect((await site.holdfast('doctor')).stdout).not.toContain('an import of');
    await mariadb(mysql, `DROP DATABASE ${database}`);
  });

  it('takes a plain dump of PostgreSQL', async () => {
    const file = join(site.dir, 'plain.sql');
    await psql(postgres, `DROP DATABASE IF EXISTS ${db('plain')}`);
    writeFileSync(file, await postgresqlClient(postgres, 'pg_dump', [], db('app')));
    const document = await imported(file, '--database', db('app'), '--as', db('plain'));
    expect(document.databases[0]?.tables).toContainEqual({ name: 'sales.customers', rows: 50 });
  });
});
