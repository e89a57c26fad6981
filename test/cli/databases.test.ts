/** Databases through the command line, with real servers. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupDocument, BackupPlanDocument } from '../../src/cli/documents/backup.ts';
import type { DoctorDocument } from '../../src/cli/documents/doctor.ts';
import type { MatchDocument } from '../../src/cli/documents/entry.ts';
import type { RestoreDocument, RestorePlanDocument } from '../../src/cli/documents/restore.ts';
import { errorCodes } from '../../src/core/errors.ts';
import {
  type CliSite,
  documentOf,
  linesOf,
  makeDirectory,
  makeSite,
  treeIn,
  writeJson,
} from '../support/cli.ts';
import { type MariadbServer, startMariadb } from '../support/mariadb.ts';
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
    buildSamplePanel(join(dir, 'panel'), { accounts: 2, filesPerAccount: 10 }),
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

const all = ['mariadb/exa_shop', 'mariadb/exa_wp', 'postgresql/exa_app'];

describe('databases', () => {
  it('are told by a dry run, with why they belong to the account', async () => {
    const result = await site.holdfast('backup', '--dry-run', '--account', 'site1', '--json');
    const { databases } = documentOf<BackupPlanDocument>('backup-plan', result).accounts[0]!;

    expect(databases.map(({ instance, name }) => `${instance}/${name}`).sort()).toEqual(all);
    expect(databases.every(({ matchedBy }) => matchedBy === 'prefix')).toBe(true);
  });

  it('are checked by doctor, together with secrets', async () => {
    const secret = join(site.dir, 'password');
    writeFileSync(secret, 'never shown', { mode: 0o644 });
    const [first, ...rest] = config['databases'] as object[];
    writeJson(join(site.config, 'config.json'), {
      ...config,
      databases: [{ ...first, password: `file:${secret}` }, ...rest],
    });
    const result = await site.holdfast('doctor', '--json');
    writeJson(join(site.config, 'config.json'), config);
    const { checks } = documentOf<DoctorDocument>('doctor', result);

    expect(result.status).toBe(errorCodes.SECRET_UNUSABLE.exit);
    expect(checks.find(({ state }) => state === 'error')).toMatchObject({ code: 'SECRET_UNUSABLE' });
    expect(result.stdout).not.toContain('never shown');
    expect((await site.holdfast('doctor')).stdout).toMatch(/^ok +database postgresql: /m);
  });

  it('are exported with the trees, and restored by name', async () => {
    const result = await site.holdfast('backup', '--account', 'site1', '--json');
    const snapshot = documentOf<BackupDocument>('backup', result).snapshots[0]!;
    const exported = snapshot.components.filter(({ type }) => type === 'database');
    const top = await site.holdfast('ls', snapshot.id);
    const found = await site.holdfast('find', 'databases/*.sql', '--snapshot', snapshot.id, '--json');
    const [database] = linesOf<MatchDocument>('match', found);
    expect(database).toMatchObject({ type: 'database', path: expect.stringMatching(/^databases\/.*\.sql$/) });

    expect(snapshot.state).toBe('complete');
    expect(exported.map(({ name }) => name).sort()).toEqual(all);
    expect(
      exported.filter(({ name }) => name.startsWith('mariadb/')).map(({ consistency }) => consistency),
    ).toEqual(['barrier', 'barrier']);
    expect(top.stdout).toMatch(/^database .* databases\/mariadb\/exa_wp\.sql$/m);

    const to = join(site.dir, 'one');
    const restored = await site.holdfast(
      'restore',
      snapshot.id,
      '--database',
      'exa_wp',
      '--to',
      to,
      '--json',
    );

    expect(documentOf<RestoreDocument>('restore', restored).databaseFiles).toContain(
      'databases/mariadb/exa_wp.sql',
    );
    expect(readFileSync(join(to, 'databases/mariadb/exa_wp.sql'), 'utf8')).toContain('CREATE TABLE `posts`');
    expect(treeIn(to)).toBe('databases');
    expect(existsSync(join(to, 'databases/mariadb/exa_wp.grants.sql'))).toBe(true);
    expect(
      await site.holdfast('restore', snapshot.id, '--database', 'exaorg_wp', '--to', join(site.dir, 'no')),
    ).toMatchObject({
      status: errorCodes.PATH_NOT_FOUND.exit,
    });
  });

  it('are listed, and restored, where the index of their snapshot is lost', async () => {
    const result = await site.holdfast('backup', '--account', 'site1', '--json');
    const { id } = documentOf<BackupDocument>('backup', result).snapshots[0]!;
    const listed = (await site.holdfast('ls', id)).stdout;
    const databases = listed.split('\n').filter((line) => line.startsWith('database '));
    const to = ['--to', mkdtempSync(join(site.dir, 'without-index-'))];
    renameSync(join(site.store, 'index'), join(site.store, 'lost'));
    try {
      const top = await site.holdfast('ls', id);
      const plan = await site.holdfast('restore', id, ...to, '--dry-run', '--json');
      const one = await site.holdfast('restore', id, '--database', 'exa_wp', ...to, '--dry-run');

      expect([top.status, top.stdout.trim().split('\n')]).toEqual([
        errorCodes.OBJECT_MISSING.exit,
        databases,
      ]);
      expect(top.stderr).toMatch(/^hint: .*--database/m);
      expect(plan.status).toBe(errorCodes.RESTORE_INCOMPLETE.exit);
      const { failures, databases: planned } = documentOf<RestorePlanDocument>('restore-plan', plan);
      expect(failures.map(({ path }) => path).sort()).toEqual(['info', 'shadow']);
      expect(planned).toContain('databases/mariadb/exa_wp.sql');
      expect([one.status, one.stdout]).toEqual([0, expect.stringContaining('databases/mariadb/exa_wp.sql')]);
    } finally {
      renameSync(join(site.store, 'lost'), join(site.store, 'index'));
    }
  });

  it('load into empty servers as README.md says', async () => {
    const to = join(site.dir, 'both');
    await site.holdfast('restore', 'latest', '--account', 'site1', '--to', to);
    const block = readFileSync('README.md', 'utf8')
      .split('```')
      .find((text) => text.includes('pg_restore'))!;
    const script = block.replaceAll('DIR', to).replaceAll('shop_', 'exa_');
    const [newMysql, newPostgres] = await Promise.all([startMariadb(), startPostgresql()]);
    writeFileSync(join(site.dir, '.my.cnf'), `[client]\nsocket=${newMysql.config.socket}\nuser=root\n`);
    const env = {
      PATH: process.env['PATH'],
      HOME: site.dir,
      PGHOST: '127.0.0.1',
      PGPORT: String(newPostgres.port),
      PGUSER: 'postgres',
    };
    const { status, stderr } = spawnSync('sh', ['-euc', script], { env, encoding: 'utf8' });
    const orders = await psql(newPostgres, 'SELECT count(*) FROM sales.orders', 'exa_app').catch(String);
    await Promise.all([newMysql.stop(), newPostgres.stop()]);

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(orders.trim()).toBe(
      await psql(postgres, 'SELECT count(*) FROM sales.orders', 'exa_app').then((text) => text.trim()),
    );
  });

  it.each([
    ['that does not answer', { host: '127.0.0.1', port: 1 }, 'DATABASE_UNREACHABLE'],
    [
      'whose password cannot be read',
      { host: '127.0.0.1', password: 'env:HOLDFAST_TEST_UNSET' },
      'SECRET_UNUSABLE',
    ],
  ])('on a server %s cost nothing else', async (_, connection, code) => {
    const [first] = config['databases'] as object[];
    const broken = { name: 'postgresql', engine: 'postgresql', user: 'postgres', ...connection };
    writeJson(join(site.config, 'config.json'), { ...config, databases: [first, broken] });
    const result = await site.holdfast('backup', '--account', 'site2', '--json');
    writeJson(join(site.config, 'config.json'), config);
    const { components, state } = documentOf<BackupDocument>('backup', result).snapshots[0]!;

    expect(result.status).toBe(errorCodes.SNAPSHOT_PARTIAL.exit);
    expect(state).toBe('partial');
    expect(components.filter((one) => one.state === 'failed').map(({ error }) => error?.code)).toEqual([
      code,
    ]);
    expect(
      components
        .filter((one) => one.state === 'complete')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['info', 'mariadb/exaorg_shop', 'mariadb/exaorg_wp', 'shadow']);
  });
});
