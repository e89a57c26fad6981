/** One panel through every command, without databases: what is printed, and with which status. */

import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountsDocument } from '../../src/cli/documents/accounts.ts';
import type { BackupDocument, BackupPlanDocument } from '../../src/cli/documents/backup.ts';
import type { DoctorDocument } from '../../src/cli/documents/doctor.ts';
import type { EntryDocument, MatchDocument } from '../../src/cli/documents/entry.ts';
import type { RestoreDocument, RestorePlanDocument } from '../../src/cli/documents/restore.ts';
import type { SnapshotsDocument, StatusDocument } from '../../src/cli/documents/snapshots.ts';
import type { VerifyDocument } from '../../src/cli/documents/verify.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { lockAccount } from '../../src/core/jobs/account-lock.ts';
import { type CliSite, documentOf, linesOf, makeDirectory, makeSite } from '../support/cli.ts';
import { compareTrees } from '../support/compare-trees.ts';
import { buildSamplePanel, type SamplePanel } from '../support/sample-panel.ts';

let site: CliSite;
let panel: SamplePanel;
let first: BackupDocument;

beforeAll(async () => {
  const dir = makeDirectory();
  panel = await buildSamplePanel(join(dir, 'panel'), { accounts: 3, filesPerAccount: 40 });
  site = makeSite({ panel: { use: 'apiscp', root: panel.root }, lockWaitMinutes: 0 }, dir);
});
afterAll(() => site.remove());

const idOf = (account: string): string => first.snapshots.find((one) => one.account === account)!.id;

describe('before the first backup', () => {
  it('doctor finds nothing in the way but missing database servers', async () => {
    const result = await site.holdfast('doctor', '--json');
    const { checks, exitStatus } = documentOf<DoctorDocument>('doctor', result);

    expect(result.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(exitStatus).toBe(result.status);
    const inTheWay = checks.filter(({ state, detail }) => state !== 'ok' && !/^(room|inodes): /.test(detail));
    expect(inTheWay.map(({ name }) => name)).toEqual(['databases', 'databases']);
    expect((await site.holdfast('doctor')).stdout).toMatch(/^ok +node +version/m);
  });

  it('accounts lists all, unknown as yet', async () => {
    const result = await site.holdfast('accounts', '--json');
    const { accounts } = documentOf<AccountsDocument>('accounts', result);

    expect(result.status).toBe(0);
    expect(accounts.map(({ site: name }) => name)).toEqual(['site1', 'site2', 'site3', '_system']);
    expect(accounts.map(({ uuid }) => uuid)).toEqual([null, null, null, null]);
    expect((await site.holdfast('accounts')).stdout).toMatch(/^site3 +example-3.test +2 +suspended/m);
  });

  it('backup --dry-run tells what it would do and writes nothing', async () => {
    const result = await site.holdfast('backup', '--dry-run', '--json');
    const { accounts } = documentOf<BackupPlanDocument>('backup-plan', result);

    expect(result.status).toBe(0);
    expect(accounts[0]).toMatchObject({
      account: 'site1',
      level: 'full',
      unconfiguredEngines: ['mysql', 'postgresql'],
    });
    expect(accounts[0]?.trees[1]).toMatchObject({ name: 'info', exclude: ['work', 'index'] });
    expect(readdirSync(site.dir).sort()).toEqual(['config', 'panel']);
    expect(readdirSync(site.config).sort()).toEqual(['addins.d', 'config.json']);
    expect((await site.holdfast('backup', '--dry-run')).stdout).toContain('nothing was written');
  });
});

describe('after backups', () => {
  beforeAll(async () => {
    const result = await site.holdfast('backup', '--json');
    first = documentOf<BackupDocument>('backup', result);
    expect(result.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
  });

  it('the document names each snapshot', () => {
    expect(first.failed).toEqual([]);
    expect(first.snapshots.map(({ account }) => account).sort()).toEqual([
      '_system',
      'site1',
      'site2',
      'site3',
    ]);
    expect(first.snapshots[0]).toMatchObject({ level: 'full', state: 'complete', parent: null });
  });

  it('elsewhere than on a terminal there is one line for each account, and a summary', async () => {
    const { status, stdout, stderr } = await site.holdfast(
      'backup',
      '--account',
      'example-1.test',
      '--level',
      'full',
    );

    expect(status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /^site1 {2}example-1\.test {2}full {2}complete {2}[\d.]+ kB, [\d.]+ kB stored {2}\d+ entries {2}2 warnings {2}[\d.]+ s$/m,
    );
    expect(stdout).toMatch(/^run [0-9a-f]{12}: 1 snapshot \(1 full\), [\d.]+ kB, [\d.]+ kB stored, /m);
  });

  it('--quiet says nothing where nothing is wrong', async () => {
    expect(await site.holdfast('--quiet', 'backup', '--account', '_system')).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('a level that the provider cannot write is refused', async () => {
    const asked = ['backup', '--account', 'site1', '--level', 'incremental'];
    const result = await site.holdfast(...asked, '--json');
    const planned = await site.holdfast(...asked, '--dry-run');

    expect(planned.status).toBe(errorCodes.CONFIG_INVALID.exit);
    expect(planned.stdout).toContain('would back up 0 accounts');
    expect(result.status).toBe(errorCodes.CONFIG_INVALID.exit);
    expect(documentOf<BackupDocument>('backup', result).failed).toMatchObject([
      { error: { code: 'CONFIG_INVALID' } },
    ]);
  });

  it('an account that another job works on is left alone', async () => {
    const uuid = first.snapshots.find(({ account }) => account === 'site2')!.owner;
    const lock = lockAccount(site.state, uuid, 'site2');
    const { status, stdout } = await site.holdfast('backup', '--account', 'site2');
    lock.release();

    expect(status).toBe(errorCodes.ACCOUNT_LOCKED.exit);
    expect(stdout).toContain('ACCOUNT_LOCKED');
  });

  it('an unknown account is an error with a guess', async () => {
    const { status, stderr } = await site.holdfast('backup', '--account', 'exmaple-1.test');

    expect(status).toBe(errorCodes.ACCOUNT_NOT_FOUND.exit);
    expect(stderr).toContain('did you mean "example-1.test"');
  });

  it('snapshots come newest last, and by account', async () => {
    const result = await site.holdfast('snapshots', '--account', 'site1', '--json');
    const { snapshots } = documentOf<SnapshotsDocument>('snapshots', result);

    expect(result.status).toBe(0);
    expect(snapshots.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(snapshots[0]?.id).toBe(idOf('site1'));
    expect((await site.holdfast('snapshots')).stdout.split('\n')).toHaveLength(1 + 6 + 1);
    const newest = await site.holdfast('snapshots', '--latest', '1', '--json');
    expect(documentOf<SnapshotsDocument>('snapshots', newest).snapshots).toHaveLength(4);
    expect(newest.stdout).toContain(snapshots[1]!.id);
    expect((await site.holdfast('snapshots', '--latest', '0')).status).toBe(errorCodes.USAGE.exit);
  });

  it('status tells how old they are', async () => {
    const { accounts } = documentOf<StatusDocument>('status', await site.holdfast('status', '--json'));

    expect(accounts.map(({ lastState }) => lastState)).toEqual(Array(4).fill('complete'));
    expect(accounts[0]).toMatchObject({ account: 'site1', snapshots: 2, uuid: expect.any(String) });
  });

  it('what a fault of the configuration may hide is unknown, and that it stops backups is told', async () => {
    const file = join(site.config, 'addins.d/nightly.json');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, '{');
    const listed = await site.holdfast('accounts');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(text), schedule: [{ cron: '0 3 * * *' }] }));
    const told = await site.holdfast('status');
    writeFileSync(file, text);

    expect(listed.stdout).toMatch(/^site1 .* unknown$/m);
    expect(told.stdout).toContain('no backup is made until the configuration is mended');
    expect([listed.status, told.status]).toEqual([100, 100]);
  });

  it('ls lists one directory, or everything below', async () => {
    const top = await site.holdfast('ls', 'latest', '--account', 'site1', '--json');
    const html = ['ls', idOf('site1'), 'shadow/var/www/html'];
    const flat = linesOf<EntryDocument>('entry', await site.holdfast(...html, '--json'));
    const deep = linesOf<EntryDocument>('entry', await site.holdfast(...html, '--json', '--recursive'));

    expect(linesOf<EntryDocument>('entry', top).map(({ path }) => path)).toEqual(['info', 'shadow']);
    expect(flat.map(({ path }) => path)).toContain('shadow/var/www/html/wp-config.php');
    expect(deep.length).toBeGreaterThan(flat.length);
    expect(flat.every(({ path }) => path.split('/').length === 5)).toBe(true);
    expect((await site.holdfast(...html)).stdout).toMatch(
      /^-r[-w]x?.* shadow\/var\/www\/html\/wp-config.php$/m,
    );
    expect(await site.holdfast('ls', idOf('site1'), 'shadow/none')).toMatchObject({
      status: errorCodes.PATH_NOT_FOUND.exit,
    });
  });

  it('an id may be cut short while it is unique', async () => {
    const short = await site.holdfast('ls', idOf('site2').slice(0, 12));

    expect(short.status).toBe(0);
    expect(await site.holdfast('ls', 'site1-')).toMatchObject({ status: errorCodes.SNAPSHOT_NOT_FOUND.exit });
    expect(await site.holdfast('ls', idOf('site2').slice(-12))).toEqual(short);
  });

  it('find matches names, and paths where the pattern has a slash', async () => {
    const one = ['--snapshot', idOf('site1'), '--json'];
    const byName = linesOf<MatchDocument>('match', await site.holdfast('find', 'wp-conf*.php', ...one));
    const byPath = linesOf<MatchDocument>(
      'match',
      await site.holdfast('find', 'shadow/*/html/wp-config.php', ...one),
    );
    const everywhere = await site.holdfast('find', 'wp-config.php');

    expect(byName.map(({ path }) => path)).toEqual(['shadow/var/www/html/wp-config.php']);
    expect(byPath).toEqual(byName);
    expect(everywhere.stdout.trim().split('\n')).toHaveLength(4);
    expect(await site.holdfast('find', 'no such name')).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('find names a damaged snapshot, and searches all others', async () => {
    const index = join(site.store, 'index');
    const { owner } = first.snapshots.find(({ account }) => account === 'site1')!;
    const name = readdirSync(index, { recursive: true, encoding: 'utf8' }).find(
      (one) => one.includes(owner) && one.endsWith('.idx'),
    );
    const whole = readFileSync(join(index, name!));
    writeFileSync(join(index, name!), Buffer.alloc(whole.length));
    const result = await site.holdfast('find', 'wp-config.php');
    writeFileSync(join(index, name!), whole);

    expect(result.status).toBe(errorCodes.OBJECT_DAMAGED.exit);
    expect(result.stdout.trim().split('\n')).toHaveLength(3);
    expect(result.stderr).toContain(name);
  });

  it('restore brings everything back, and says so', async () => {
    const to = join(site.dir, 'whole');
    const plan = await site.holdfast('restore', idOf('site1'), '--to', to, '--dry-run', '--json');
    expect(documentOf<RestorePlanDocument>('restore-plan', plan)).toMatchObject({
      target: to,
      databases: [],
    });
    expect(readdirSync(site.dir)).not.toContain('whole');

    const result = await site.holdfast('restore', idOf('site1'), '--to', to, '--json');
    const report = documentOf<RestoreDocument>('restore', result);
    const account = panel.accounts[0]!;
    const shadow = await compareTrees(account.shadow, join(to, 'shadow'), {
      ignoreBelow: ['var/lib/mysql', 'var/lib/pgsql'],
    });
    const info = await compareTrees(account.info, join(to, 'info'), { ignoreBelow: ['work', 'index'] });

    expect(result.status).toBe(0);
    expect(report.failureCount).toBe(0);
    expect([...shadow.differences, ...info.differences]).toEqual([]);
  });

  it('restore brings one path back, and refuses a target with something in it', async () => {
    const to = join(site.dir, 'one');
    const path = 'shadow/var/www/html/wp-config.php';
    const args = ['restore', 'latest', '--account', 'site1', '--path', path, '--to', to];
    const { status, stdout } = await site.holdfast(...args);

    expect(status).toBe(0);
    expect(stdout).toMatch(/^restored /m);
    expect(readFileSync(join(to, path))).toEqual(readFileSync(join(panel.accounts[0]!.home, path)));
    expect((await site.holdfast(...args)).status).toBe(errorCodes.TARGET_NOT_EMPTY.exit);
    expect((await site.holdfast(...args, '--resume')).status).toBe(0);
  });

  it('accounts with one prefix for their databases are named to each other', async () => {
    const dir = makeDirectory();
    for (const name of ['one', 'two']) mkdirSync(join(dir, 'homes', name), { recursive: true });
    const rule = { path: join(dir, 'homes/*'), databases: [{ family: 'mysql', prefix: 'exa_' }] };
    const elsewhere = makeSite({ panel: { use: 'generic', accounts: [rule] } }, dir);

    const { stdout } = await elsewhere.holdfast('accounts', '--json');

    expect(stdout).toContain('"mysql prefix exa_ is also that of two"');
    expect(stdout).toContain('"mysql prefix exa_ is also that of one"');
    elsewhere.remove();
  });

  it('the store alone is enough', async () => {
    const elsewhere = makeSite({ panel: { use: 'generic', accounts: [{ path: '/nonexistent/*' }] } });
    rmSync(elsewhere.store, { recursive: true, force: true });
    const nightly = readFileSync(join(site.config, 'addins.d/nightly.json'));
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(elsewhere.config, 'addins.d/nightly.json'), nightly);
    const uuid = first.snapshots.find(({ account }) => account === 'site2')!.owner;
    for (const account of ['site2', 'example-2.test', 'www.example-2.test', uuid]) {
      const { status, stderr } = await elsewhere.holdfast('ls', 'latest', '--account', account);
      expect(status).toBe(0);
      // Nobody is trusted here.
      expect(stderr).toMatch(
        /^note: site2-\S+ is not trusted: its manifest is signed with [0-9a-f]{64}, .*\n$/,
      );
    }
    expect((await elsewhere.holdfast('ls', idOf('site1'))).status).toBe(0);
    expect((await elsewhere.holdfast('ls', 'latest', '--account', 'site9')).status).toBe(
      errorCodes.ACCOUNT_NOT_FOUND.exit,
    );
    expect(readdirSync(elsewhere.config).sort()).toEqual(['addins.d', 'config.json']);
    elsewhere.remove();
  });
});

describe('a damaged store', () => {
  it('is told by verify, while everything else goes on', async () => {
    expect((await site.holdfast('verify')).status).toBe(0);
    expect((await site.holdfast('verify', '--read-data', '--account', 'site2')).status).toBe(0);
    const files = readdirSync(site.store, { recursive: true, encoding: 'utf8' });
    const { owner } = first.snapshots.find(({ account }) => account === 'site3')!;
    truncateSync(
      join(site.store, files.find((name) => name.includes(owner) && name.endsWith('.tar.zst'))!),
      10,
    );

    const result = await site.holdfast('verify', '--json');
    const { snapshots } = documentOf<VerifyDocument>('verify', result);

    expect(result.status).toBe(errorCodes.OBJECT_DAMAGED.exit);
    expect(snapshots.filter(({ problems }) => problems.length > 0).map(({ id }) => id)).toEqual([
      idOf('site3'),
    ]);
  });

  it('a damaged manifest is shown as such and hides no other', async () => {
    const files = readdirSync(site.store, { recursive: true, encoding: 'utf8' });
    const { owner } = first.snapshots.find(({ account }) => account === 'site3')!;
    truncateSync(
      join(site.store, files.find((name) => name.includes(owner) && name.endsWith('.manifest'))!),
      100,
    );

    const plain = await site.holdfast('snapshots');
    const { snapshots, damaged } = documentOf<SnapshotsDocument>(
      'snapshots',
      await site.holdfast('snapshots', '--json'),
    );

    expect(plain.status).toBe(errorCodes.OBJECT_DAMAGED.exit);
    expect(plain.stdout).toMatch(/^\?-\d{8}T\d{6}Z-[0-9a-f]{12} .* damaged /m);
    expect(snapshots).toHaveLength(5);
    expect(damaged).toMatchObject([{ owner, error: { code: 'OBJECT_DAMAGED' } }]);
  });
});
