/** Exports of databases through the command line, with real servers. */

import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseExportDocument } from '../../src/cli/documents/database-export.ts';
import type { DatabaseGrantDocument } from '../../src/cli/documents/database-grant.ts';
import type { DatabaseImportDocument } from '../../src/cli/documents/database-import.ts';
import type { KeyEraseDocument } from '../../src/cli/documents/keys.ts';
import type { PinDocument } from '../../src/cli/documents/prune.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';
import { writeClient } from '../support/clients.ts';
import { type MariadbServer, mariadb, startMariadb } from '../support/mariadb.ts';
import { type PostgresqlServer, psql, startPostgresql } from '../support/postgresql.ts';
import { populateDatabases } from '../support/sample-databases.ts';
import { buildSamplePanel, type SamplePanel } from '../support/sample-panel.ts';

let site: CliSite;
let panel: SamplePanel;
let mysql: MariadbServer;
let postgres: PostgresqlServer;
let config: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  const dir = makeDirectory();
  [panel, mysql, postgres] = await Promise.all([
    buildSamplePanel(join(dir, 'panel'), { accounts: 2, filesPerAccount: 5 }),
    startMariadb(),
    startPostgresql(),
  ]);
  await populateDatabases({
    accounts: panel.accounts,
    mariadb: { socketPath: mysql.config.socket, user: 'root' },
    postgresql: { host: '127.0.0.1', port: postgres.port, user: 'postgres', database: 'postgres' },
    rows: 20,
  });
  config = { panel: { use: 'apiscp', root: panel.root }, databases: [mysql.config, postgres.config] };
  site = makeSite(config, dir);
});
afterAll(async () => {
  await Promise.all([mysql?.stop(), postgres?.stop()]);
  site?.remove();
});

const run = async (...args: readonly string[]) => {
  const result = await site.holdfast('db', 'export', ...args, '--json');
  return { ...result, document: documentOf<DatabaseExportDocument>('database-export', result) };
};

const namesOf = ({ databases }: DatabaseExportDocument) =>
  databases.map(({ account, instance, database }) => `${account}/${instance}/${database}`);

describe('db export --to', () => {
  it('writes every database of every account, with its grants beside', async () => {
    const to = join(site.dir, 'all');
    const { status, document } = await run('--all', '--to', to);

    expect(namesOf(document)).toEqual([
      'site1/mariadb/exa_shop',
      'site1/mariadb/exa_wp',
      'site1/postgresql/exa_app',
      'site2/mariadb/exaorg_shop',
      'site2/mariadb/exaorg_wp',
      'site2/postgresql/exaorg_app',
    ]);
    expect(document.databases.filter(({ error }) => error !== null)).toEqual([]);
    expect(status).toBe(0);
    const dump = zstdDecompressSync(readFileSync(join(to, 'site1/mariadb/exa_wp.sql.zst'))).toString();
    expect(dump).toContain('CREATE TABLE `posts`');
    expect(dump).toMatch(/-- Dump completed\n$/);
    expect(document.databases[1]).toMatchObject({
      path: join(to, 'site1/mariadb/exa_wp.sql.zst'),
      plainBytes: Buffer.byteLength(dump),
      consistency: 'barrier',
      lockedTables: ['audit', 'sessions'],
    });
    expect(readdirSync(join(to, 'site1/mariadb'))).toEqual([
      'exa_shop.grants.sql',
      'exa_shop.sql.zst',
      'exa_wp.grants.sql',
      'exa_wp.sql.zst',
    ]);
    expect(lstatSync(join(to, 'site1/mariadb/exa_wp.sql.zst')).mode & 0o777).toBe(0o600);
    const archive = zstdDecompressSync(readFileSync(join(to, 'site1/postgresql/exa_app.pgdump.zst')));
    expect(archive.subarray(0, 5).toString()).toBe('PGDMP');
    expect(spawnSync('pg_restore', ['--list'], { input: archive }).status).toBe(0);
  });

  it('shows a table for people, and says what nobody exports', async () => {
    writeJson(join(site.config, 'config.json'), { ...config, databases: [mysql.config] });
    const { status, stdout, stderr } = await site.holdfast(
      ...['db', 'export', '--account', 'site1', '--to', join(site.dir, 'table')],
    );
    writeJson(join(site.config, 'config.json'), config);

    expect(status).toBe(0);
    expect(stderr).toBe(
      'note: 1 account may have postgresql databases, and no such server is configured: none of these is exported\n',
    );
    expect(stdout).toMatch(/^ACCOUNT +DATABASE +SIZE +FILE +SECONDS +RESULT$/m);
    expect(stdout).toMatch(/^site1 +mariadb\/exa_shop +[\d.]+ kB +[\d.]+ kB +\d+\.\d +complete$/m);
    expect(stdout).toMatch(/^2 databases exported, /m);
  });

  it('takes accounts, databases, engines and exclusions, and the compression and format asked for', async () => {
    const to = join(site.dir, 'some');
    const { document } = await run(
      ...['--account', 'site1', '--database', 'exa_*', '--exclude', 'mariadb/exa_wp'],
      ...['--compress', 'none', '--format', 'plain', '--to', to],
    );

    expect(namesOf(document)).toEqual(['site1/mariadb/exa_shop', 'site1/postgresql/exa_app']);
    const plain = readFileSync(join(to, 'site1/postgresql/exa_app.sql'), 'utf8');
    expect(plain).toContain('CREATE TABLE sales.orders');
    expect(readFileSync(join(to, 'site1/mariadb/exa_shop.sql'), 'utf8')).toContain('CREATE TABLE `orders`');

    const beside = (name: string) => writeFileSync(join(to, 'site1', name), 'not ours');
    beside('mariadb/exa_shop.sql.xz');
    beside('postgresql/exa_app.tar');
    await run('--account', 'site1', '--exclude', 'exa_wp', '--to', to);
    expect(readdirSync(join(to, 'site1/mariadb'))).toEqual([
      'exa_shop.grants.sql',
      'exa_shop.sql.xz',
      'exa_shop.sql.zst',
    ]);
    expect(readdirSync(join(to, 'site1/postgresql'))).toEqual([
      'exa_app.grants.sql',
      'exa_app.pgdump.zst',
      'exa_app.tar',
    ]);
  });

  it.each([
    [['--to', 'x'], 'USAGE', 'nothing was asked for'],
    [['--all', '--account', 'site1', '--to', 'x'], 'USAGE', 'exclude each other'],
    [['--all'], 'USAGE', 'one target'],
    [['--all', '--to', 'x', '--to-accounts'], 'USAGE', 'one target'],
    [['--all', '--to', 'x', '--engine', 'oracle'], 'USAGE', 'oracle'],
    [['--all', '--to', 'x', '--jobs', 'many'], 'USAGE', '--jobs'],
    [['--all', '--to-store', '--force'], 'USAGE', '--force'],
    [['--database', 'exa_none*', '--to', 'x'], 'DATABASE_NOT_FOUND', 'exa_none*'],
    [['--account', 'nobody', '--to', 'x'], 'ACCOUNT_NOT_FOUND', 'nobody'],
    [['--all', '--to', '/proc/none'], 'TARGET_UNWRITABLE', '/proc/none'],
  ] as const)('refuses %j', async (args, code, words) => {
    const { status, stderr } = await site.holdfast('db', 'export', ...args);

    expect(stderr).toContain(words);
    expect(status).toBe(errorCodes[code].exit);
    expect(existsSync('x')).toBe(false);
  });

  it('ends with a warning where there was nothing to export', async () => {
    const { status, stderr, document } = await run('--all', '--exclude', '*', '--to', join(site.dir, 'none'));

    expect(status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(stderr).toContain('warning: no database was exported');
    expect(document).toMatchObject({ databases: [], exitStatus: status });
  });

  it('begins nothing where the file system is too small, unless it is forced', async () => {
    const to = join(site.dir, 'small');
    mkdirSync(to, { recursive: true });
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', to]).status).toBe(0);
    try {
      const refused = await site.holdfast('db', 'export', '--all', '--engine', 'mariadb', '--to', to);
      expect(refused.status).toBe(errorCodes.TARGET_UNWRITABLE.exit);
      expect(refused.stderr).toMatch(/may need [0-9.]+ MiB, and 0\.0 MiB are free in .*small\n.*--force/);
      const forced = await run('--all', '--engine', 'mariadb', '--to', to, '--force');
      expect(new Set(forced.document.databases.map(({ error }) => error?.code))).toEqual(
        new Set(['TARGET_UNWRITABLE']),
      );
    } finally {
      spawnSync('umount', [to]);
    }
  });

  it('goes on where a server is down or a client fails, and leaves the last export as it was', async () => {
    const to = join(site.dir, 'failing');
    await run('--account', 'site1', '--to', to);
    const before = readFileSync(join(to, 'site1/mariadb/exa_wp.sql.zst'));
    const client = writeClient(
      site.dir,
      'failing-dump',
      'case "$*" in *" exa_wp") mariadb-dump "$@" | head -c 3000;; *) exec mariadb-dump "$@";; esac',
    );
    writeJson(join(site.config, 'config.json'), {
      ...config,
      databases: [
        { ...mysql.config, clientPath: client },
        { ...postgres.config, host: '127.0.0.1', port: 1 },
      ],
    });
    const failing = run('--account', 'site1', '--to', to);
    const { status, document } = await failing.finally(() =>
      writeJson(join(site.config, 'config.json'), config),
    );

    expect(status).toBe(errorCodes.EXPORT_FAILED.exit);
    expect(
      document.databases.map(({ instance, database, error }) => [instance, database, error?.code ?? null]),
    ).toEqual([
      ['mariadb', 'exa_shop', null],
      ['mariadb', 'exa_wp', 'EXPORT_FAILED'],
      ['postgresql', null, 'DATABASE_UNREACHABLE'],
    ]);
    expect(readFileSync(join(to, 'site1/mariadb/exa_wp.sql.zst')).equals(before)).toBe(true);
    expect(readdirSync(join(to, 'site1/mariadb')).filter((name) => name.includes('partial'))).toEqual([]);
  });
});

describe('db export --to-accounts', () => {
  const directory = () =>
    join(panel.accounts[0]!.shadow, 'home', panel.accounts[0]!.adminUser, 'mysql_backups');

  it("writes the panel's names as the account's user, and keeps as many as the panel", async () => {
    const { uid, gid } = panel.accounts[0]!;
    mkdirSync(directory(), { recursive: true });
    for (const name of readdirSync(directory()).filter((one) => one.endsWith('.gz'))) {
      rmSync(join(directory(), name)); // of a try before this one
    }
    for (let day = 1; day <= 6; day += 1) {
      writeFileSync(join(directory(), `exa_wp-2020010${day}000000.sql`), 'old');
    }
    writeFileSync(join(directory(), 'exa_wp-20200101000000-snapshot.sql'), 'of the panel');
    writeFileSync(join(directory(), 'my own.sql'), 'mine');
    const { status, stderr, document } = await run('--account', 'site1', '--to-accounts');
    const names = readdirSync(directory());

    expect(status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(document.skipped).toEqual([
      { account: 'site1', instance: 'postgresql', database: 'exa_app', reason: 'no-place' },
    ]);
    expect(stderr).toContain(
      'site1: postgresql/exa_app has no place in the panel; use --to DIR or --to-store',
    );
    expect(namesOf(document)).toEqual(['site1/mariadb/exa_shop', 'site1/mariadb/exa_wp']);
    const own = names.filter((name) => /^exa_wp-\d{14}\.sql/.test(name));
    expect(own.slice(0, 3)).toEqual([4, 5, 6].map((day) => `exa_wp-2020010${day}000000.sql`));
    expect(own[3]).toBe('exa_wp-20260401030000.sql'); // the panel's own
    expect(own).toHaveLength(5);
    expect(names).toContain('exa_wp-20200101000000-snapshot.sql');
    expect(names).toContain('my own.sql');
    const newest = join(directory(), own[4]!);
    const stat = lstatSync(newest);
    expect([stat.uid, stat.gid, stat.mode & 0o777]).toEqual([uid, gid, 0o600]);
    expect(gunzipSync(readFileSync(newest)).toString()).toMatch(/-- Dump completed\n$/);
  });

  it('keeps as many as the account has set in the panel', async () => {
    const cpcmd = writeClient(
      site.dir,
      'cpcmd',
      'case "$*" in "-o json -d site1 mysql:get-backup-config exa_wp") echo \'{"span":5,"hold":"2"}\';; *) echo null;; esac',
    );
    const given = { ...config, panel: { use: 'apiscp', root: panel.root, cpcmd } };
    writeJson(join(site.config, 'config.json'), given);
    mkdirSync(directory(), { recursive: true });
    for (const name of ['exa_wp', 'exa_shop']) {
      for (const day of [7, 8, 9]) {
        writeFileSync(join(directory(), `${name}-2020010${day}000000.sql`), 'old');
      }
    }
    try {
      expect((await run('--account', 'site1', '--engine', 'mariadb', '--to-accounts')).status).toBe(0);
      const own = (name: string) => readdirSync(directory()).filter((one) => one.startsWith(`${name}-2`));
      expect(own('exa_wp').filter((name) => !name.includes('snapshot'))).toHaveLength(2);
      expect(own('exa_shop').length).toBeGreaterThan(2);
    } finally {
      writeJson(join(site.config, 'config.json'), config);
    }
  });

  it('leaves out an account whose file system is too small, unless it is forced', async () => {
    const { shadow } = panel.accounts[0]!;
    const small = /may need [0-9.]+ MiB, and 0\.0 MiB are free in .*shadow$/;
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', shadow]).status).toBe(0);
    const args = ['--account', 'site1', '--engine', 'mariadb', '--to-accounts'];
    try {
      const { status, document } = await run(...args);
      expect(document.databases.map(({ database, error }) => [database, error])).toEqual([
        [null, expect.objectContaining({ code: 'TARGET_UNWRITABLE', message: expect.stringMatching(small) })],
      ]);
      expect(status).toBe(errorCodes.TARGET_UNWRITABLE.exit);
      expect(readdirSync(shadow)).toEqual([]);
      const forced = await run(...args, '--force');
      expect(forced.document.databases).toHaveLength(2);
    } finally {
      spawnSync('umount', [shadow]);
    }
  });

  it('follows no link that the account has laid', async () => {
    const outside = join(site.dir, 'outside');
    mkdirSync(outside, { recursive: true });
    rmSync(directory(), { recursive: true, force: true });
    symlinkSync(outside, directory());
    const { status, document } = await run('--account', 'site1', '--to-accounts').finally(() =>
      rmSync(directory()),
    );

    expect(status).toBe(errorCodes.TARGET_UNWRITABLE.exit);
    expect(document.databases.map(({ error }) => error?.code)).toEqual(
      Array.from({ length: 2 }, () => 'TARGET_UNWRITABLE'),
    );
    expect(readdirSync(outside)).toEqual([]);
  });
});

describe('db export --to-store', () => {
  it('makes snapshots that hold databases only, beside those of the account', async () => {
    await site.holdfast('backup', '--account', 'site1');
    const { status, document } = await run('--account', 'site1', '--exclude', 'exa_shop', '--to-store');
    const [first] = document.databases;
    const to = join(site.dir, 'from-store');
    const restored = await site.holdfast(
      'restore',
      first?.snapshot ?? '',
      '--database',
      'exa_wp',
      '--to',
      to,
    );
    const back = ['restore', 'latest', '--account', 'site1.databases', '--in-place', '--database', 'exa_wp'];
    const inPlace = documentOf<DatabaseImportDocument>(
      'database-import',
      await site.holdfast(...back, '--json'),
    );
    const files = await site.holdfast(...back.slice(0, 5));
    const latest = await site.holdfast('ls', 'latest', '--account', 'site1', 'shadow');
    const own = await site.holdfast('ls', 'latest', '--account', 'site1.databases');
    const pinned = await site.holdfast('pin', 'latest', '--account', 'site1', '--reason', 'kept', '--json');
    const pruned = await site.holdfast('prune', '--account', 'site1');

    expect(status).toBe(0);
    expect(namesOf(document)).toEqual(['site1/mariadb/exa_wp', 'site1/postgresql/exa_app']);
    expect(first?.snapshot).toMatch(/^site1\.databases-/);
    expect(restored.status).toBe(0);
    expect(readFileSync(join(to, 'databases/mariadb/exa_wp.sql'), 'utf8')).toContain('CREATE TABLE `posts`');
    expect(inPlace.databases).toMatchObject([{ account: 'site1', database: 'exa_wp', replaced: true }]);
    expect(files.status).toBe(errorCodes.PATH_NOT_FOUND.exit);
    expect(files.stderr).toContain('holds databases only');
    // Whatever keeps two commands from one account, and ends imports of it, knows it by its own UUID.
    const [record = ''] = readdirSync(join(site.state, 'imports'));
    const { owner } = JSON.parse(readFileSync(join(site.state, 'imports', record), 'utf8')) as {
      owner: string;
    };
    expect(readFileSync(join(site.state, 'accounts.json'), 'utf8')).toContain(owner);
    expect(latest.status).toBe(0);
    expect(own.stdout).not.toContain('shadow');
    expect(documentOf<PinDocument>('pin', pinned).databases).toBe(first?.snapshot);
    expect(pruned.stdout).toMatch(new RegExp(`^${first?.snapshot} +keep +pinned: kept`, 'm'));
    expect((await site.holdfast('status')).status).not.toBe(1);
  });
});

describe('db export --to-store, into a store with encrypted snapshots', () => {
  it('makes plain ones only where that is said', async () => {
    const only = ['--account', 'site2', '--database', '*_wp', '--to-store'];
    expect((await site.holdfast('db', 'export', ...only)).status).toBe(0);
    const server = readdirSync(join(site.store, 'manifests'))[0]!;
    const keys = join(site.store, 'keys', server);
    mkdirSync(join(keys, server), { recursive: true });
    writeFileSync(join(keys, server, '00001-0-0123abcd.age'), '');
    const refused = await site.holdfast('db', 'export', ...only);
    const said = await site.holdfast('db', 'export', ...only, '--allow-plaintext');
    rmSync(keys, { recursive: true });

    expect([refused.status, said.status]).toEqual([errorCodes.STORE_ENCRYPTED.exit, 0]);
    expect(refused.stderr).toContain('--allow-plaintext');
  });
});

describe('what belongs to an account is also its databases in the store', () => {
  const file = () => join(site.config, 'addins.d/closed.json');
  afterEach(() => rmSync(file(), { force: true }));
  const erase = async (addin: string) => {
    const line = ['key', 'erase', '--account', 'example-1.test', '--addin', addin, '--reason', 'asked'];
    const result = await site.holdfast(...line, '--apply', '--json');
    return { ...result, document: documentOf<KeyEraseDocument>('key-erase', result) };
  };

  it('a legal hold holds it, and an erasure closes it', async () => {
    const identity = join(site.dir, 'identity');
    rmSync(identity, { force: true });
    spawnSync('age-keygen', ['-o', identity]);
    const recipient = /age1\w+/.exec(readFileSync(identity, 'utf8'))?.[0];
    // Of its own for each try: the state remembers which store a name had.
    const addin = `closed-${randomUUID().slice(0, 8)}`;
    writeJson(file(), {
      ...{ name: addin, store: { use: 'local', path: join(site.dir, addin) }, provider: { use: 's3-tar' } },
      ...{ accounts: { include: ['site1'] }, encryption: { recipients: [recipient] } },
    });
    const only = ['--account', 'site1', '--database', 'exa_wp', '--addin', addin];
    const made = await site.holdfast('db', 'export', ...only, '--to-store');
    const read = () =>
      site.holdfast(
        ...['ls', 'latest', '--account', 'site1.databases', '--addin', addin, '--identity', identity],
      );
    const before = await read();
    const pin = ['pin', 'latest', '--account', 'site1', '--addin', addin, '--reason', 'kept', '--json'];
    const pinned = documentOf<PinDocument>('pin', await site.holdfast(...pin));
    const hold = ['all', '--account', 'site1', '--addin', addin, '--legal-hold'];
    await site.holdfast('pin', ...hold, '--reason', 'a case');
    const held = await erase(addin);
    await site.holdfast('unpin', ...hold);
    const erased = await erase(addin);
    const after = await read();

    expect([made.status, before.status, held.status]).toEqual([0, 0, errorCodes.ERASURE_REFUSED.exit]);
    expect(pinned).toMatchObject({ databases: null, account: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(held.document.stores.map(({ holds }) => holds.length)).toEqual([0, 1]);
    expect(erased.status).toBe(0);
    expect(erased.document.stores.map((one) => [one.databasesOnly, one.keys, one.closed])).toEqual([
      [false, 0, 0],
      [true, 1, 1],
    ]);
    expect(after.status).toBe(errorCodes.OBJECT_MISSING.exit);
  });
});

describe('db grant', () => {
  const reader = () => join(site.dir, 'reader');

  it('prints the statements without a password, and changes nothing', async () => {
    const { status, stdout } = await site.holdfast('db', 'grant');

    expect(status).toBe(0);
    expect(stdout).toContain(
      "GRANT SELECT, SHOW DATABASES, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON *.* TO 'holdfast'@'localhost';",
    );
    expect(stdout).toContain('GRANT pg_read_all_data TO "holdfast";');
    expect(await mariadb(mysql, "SELECT COUNT(*) FROM mysql.user WHERE User = 'holdfast'")).toBe('0\n');
    expect((await site.holdfast('db', 'grant', '--apply')).status).toBe(errorCodes.USAGE.exit);
  });

  it('creates users that are enough for backup, doctor and every export', async () => {
    writeFileSync(reader(), `it's a "secret" \\ of ours\n`, { mode: 0o600 });
    const granted = await site.holdfast(
      ...['db', 'grant', '--apply', '--password', `file:${reader()}`, '--json'],
    );
    const again = await site.holdfast('db', 'grant', '--apply', '--password', `file:${reader()}`);
    const login = { user: 'holdfast', password: `file:${reader()}` };
    await psql(postgres, 'ALTER ROLE holdfast CONNECTION LIMIT 20');
    const root = await run('--account', 'site1', '--compress', 'none', '--to', join(site.dir, 'by-root'));
    writeJson(join(site.config, 'config.json'), {
      ...config,
      databases: [
        { ...mysql.config, ...login },
        { ...postgres.config, ...login },
      ],
    });
    const doctor = await site.holdfast('doctor');
    const least = await run('--account', 'site1', '--compress', 'none', '--to', join(site.dir, 'by-reader'));
    const backup = await site.holdfast('backup', '--account', 'site1');
    writeJson(join(site.config, 'config.json'), config);

    expect(documentOf<DatabaseGrantDocument>('database-grant', granted).applied).toBe(true);
    expect(granted.stdout).not.toContain('secret');
    expect([granted.status, again.status]).toEqual([0, 0]);
    expect(doctor.stdout.split('\n').filter((line) => /^(warn|error) +database/.test(line))).toEqual([]);
    expect([least.status, backup.status]).toEqual([root.status, 0]);
    for (const file of ['mariadb/exa_wp.sql', 'mariadb/exa_shop.sql', 'mariadb/exa_wp.grants.sql']) {
      expect(readFileSync(join(site.dir, 'by-reader/site1', file))).toEqual(
        readFileSync(join(site.dir, 'by-root/site1', file)),
      );
    }
    const grants = (by: string) =>
      readFileSync(join(site.dir, by, 'site1/postgresql/exa_app.grants.sql'), 'utf8');
    expect(grants('by-reader')).toBe(grants('by-root'));
    expect(grants('by-reader')).toContain('SCRAM-SHA-256');
  });
});
