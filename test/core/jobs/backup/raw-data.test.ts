import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tree } from '../../../../src/core/contracts/panel.ts';
import { refuseRawData } from '../../../../src/core/jobs/backup/raw-data.ts';

const [tenant, server] = [12_345, 101];
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hf-raw-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function lay(uid: number, ...paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    if (path.endsWith('/')) mkdirSync(join(root, path), { recursive: true });
    else writeFileSync(join(root, path), '');
    for (let at = path.replace(/\/$/, ''); at !== '.'; at = dirname(at)) chownSync(join(root, at), uid, uid);
  }
}

function refused(tree: Partial<Tree> = {}, uid = tenant): string[] {
  const given: Tree = { name: 'files', path: root, exclude: [], ...tree };
  const { trees, refused } = refuseRawData({ trees: [given], owner: { uid, gid: uid } });
  expect(trees).toHaveLength(1 - refused.length);
  return refused.map(({ error }) => `${error.code}: ${error.message}`);
}

const innodb = (at: string) => [`${at}/ibdata1`, `${at}/ib_logfile0`, `${at}/shop/t.ibd`];
const cluster = (at: string) => [`${at}/PG_VERSION`, `${at}/global/1`, `${at}/pg_wal/1`, `${at}/base/1`];

describe('refuseRawData', () => {
  it.each([
    ['var/lib/mysql', ['var/lib/mysql/shop/t.ibd']],
    ['var/lib/mysql', innodb('var/lib/mysql')],
    ['srv/db/mysql', innodb('srv/db/mysql')],
    ['var/lib/pgsql/15/data', cluster('var/lib/pgsql/15/data')],
    ['srv/pg', cluster('srv/pg')],
    ['srv/tablespace', ['srv/tablespace/ibdata1', 'srv/tablespace/ib_logfile0']],
    ['srv/aria', ['srv/aria/aria_log_control']],
  ])('refuses a tree that holds %s', (place, paths) => {
    lay(server, ...paths);
    expect(refused()).toEqual([expect.stringContaining('RAW_DATABASE_FILES: tree files would capture')]);
    expect(refused()[0]).toMatch(
      new RegExp(`${place.startsWith('var/lib/pgsql') ? 'var/lib/pgsql' : place}`),
    );
    expect(refused({ exclude: [place] })).toEqual([]);
  });

  it('refuses a tree that is a data directory, or lies in one', () => {
    lay(server, ...innodb('data'));
    expect(refused({ path: join(root, 'data') })).toEqual([expect.stringContaining('lies in')]);
    expect(refused({ path: join(root, 'data/shop') })).toEqual([expect.stringContaining('lies in')]);
  });

  it('lets dumps of grants be captured that lie there', () => {
    lay(
      server,
      ...innodb('var/lib/mysql'),
      'var/lib/mysql/mysql-grants',
      ...cluster('var/lib/pgsql/15/data'),
    );
    lay(server, 'var/lib/pgsql/15/backups/roles.sql');
    expect(refused({ include: ['var/lib/mysql/mysql-grants*', 'var/lib/pgsql/*/backups'] })).toEqual([]);
    expect(refused({ include: ['var/lib'] })).toHaveLength(1);
  });

  it("cannot be made to refuse by an account's own files", () => {
    lay(tenant, ...innodb('home/u/mysql'), ...cluster('home/u/pg'), 'var/lib/mysql/ibdata1');
    expect(refused()).toEqual([]);
  });

  it('looks neither through links nor onto what is mounted, of which nothing is captured', () => {
    lay(server, ...innodb('elsewhere/lib/mysql'), 'tree/srv/mysql/');
    symlinkSync(join(root, 'elsewhere'), join(root, 'tree/var'));
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(root, 'tree/srv/mysql')]);
    try {
      lay(server, ...innodb('tree/srv/mysql'));

      expect(refused({ path: join(root, 'tree') })).toEqual([]);
      expect(refused({ path: join(root, 'tree'), include: ['srv'] })).toHaveLength(1);
    } finally {
      execFileSync('umount', [join(root, 'tree/srv/mysql')]);
    }
  });

  it('is content with anything else', () => {
    lay(server, 'etc/mysql/my.cnf', 'var/log/mysql/error.log', 'srv/PG_VERSION');
    expect(refused()).toEqual([]);
  });
});
