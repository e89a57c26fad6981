/** Rules for plans and accounts, through the command line: whom they are for when the panel cannot say, or the account is gone. */

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountsDocument } from '../../src/cli/documents/accounts.ts';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { PruneDocument } from '../../src/cli/documents/prune.ts';
import type { ScheduleDocument } from '../../src/cli/documents/schedule.ts';
import type { StatusCheckDocument } from '../../src/cli/documents/status-check.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { lockRun } from '../../src/core/jobs/account-lock.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let virtual: string;
const configure = (more: Readonly<Record<string, unknown>> = {}): void =>
  writeJson(join(site.config, 'config.json'), {
    panel: { use: 'apiscp', root: join(site.dir, 'root') },
    isolation: 'off',
    policy: [{ plan: 'gold', retention: { keepLast: 10 }, exclude: ['shadow/cache'] }],
    ...more,
  });

beforeAll(async () => {
  site = makeSite({}, makeDirectory());
  virtual = join(site.dir, 'root/home/virtual');
  for (const number of [1, 2]) {
    const home = join(virtual, `site${number}`);
    mkdirSync(join(home, 'shadow'), { recursive: true });
    mkdirSync(join(home, 'info/current'), { recursive: true });
    const text = `[DEFAULT]\nplan = gold\ndomain = example-${number}.test\nadmin_user = a${number}\n`;
    writeFileSync(join(home, 'info/current/siteinfo'), text);
  }
  configure();
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: site.store },
    accounts: { include: ['*.test'] },
    retention: { keepLast: 1, maxRemoveShare: 1 },
    encryption: 'none',
  });
  for (const _ of [1, 2]) expect((await site.holdfast('backup')).status).toBeLessThan(128);
});
afterAll(() => site.remove());

const pruned = async (): Promise<PruneDocument> =>
  documentOf<PruneDocument>('prune', await site.holdfast('prune', '--addin', 'nightly', '--json'));

const removedOf = ({ snapshots }: PruneDocument): string[] =>
  snapshots.filter(({ action }) => action === 'remove').map(({ account }) => account);

describe('an account whose description is damaged', () => {
  const current = (): string => join(virtual, 'site1/info/current');

  it('keeps its retention, its exclusions and its place in the configuration', async () => {
    renameSync(current(), `${current()}.away`);
    const accounts = await site.holdfast('accounts', '--policy', '--json');
    const document = await pruned();
    renameSync(`${current()}.away`, current());
    const [first] = documentOf<AccountsDocument>('accounts', accounts).accounts;

    expect(first).toMatchObject({ site: 'site1', domain: 'example-1.test', plan: 'gold' });
    expect(first?.problem).toContain('as they were last seen');
    expect(first?.policy?.exclude.value).toEqual(['shadow/cache']);
    expect([document.exitStatus, removedOf(document)]).toEqual([0, []]);
  });

  it('keeps its retention where the state is lost as well', async () => {
    const records = join(site.state, 'accounts.json');
    renameSync(records, `${records}.away`);
    renameSync(current(), `${current()}.away`);
    const document = await pruned();
    renameSync(`${current()}.away`, current());
    renameSync(`${records}.away`, records);

    expect([document.exitStatus, removedOf(document)]).toEqual([0, []]);
    expect(document.snapshots.map(({ account }) => account)).toContain('site1');
  });
});

describe('a policy that sends an account elsewhere', () => {
  const weekly = (include: readonly string[]): void =>
    writeJson(join(site.config, 'addins.d/weekly.json'), {
      name: 'weekly',
      provider: { use: 's3-tar' },
      store: { use: 'local', path: join(site.dir, 'weekly') },
      accounts: { include },
      schedule: [{ level: 'full', cron: '0 3 1 1 *' }],
      encryption: 'none',
    });
  const sent = (): void =>
    configure({ policy: [{ account: 'site2', destination: 'weekly' }], alertAfterHours: 1e-6 });
  const sitesOf = async (...args: readonly string[]): Promise<string[]> => {
    const result = await site.holdfast('backup', '--json', ...args);
    return documentOf<BackupDocument>('backup', result)
      .snapshots.map(({ account }) => account)
      .sort();
  };

  it('to where nobody takes it is told by every run, by doctor and as an alarm', async () => {
    weekly(['site1']);
    configure({
      policy: [{ account: 'site2', destination: 'weekly', exclude: ['shadwo/cache'] }],
      alertAfterHours: 1e-6,
      limits: { ioClass: 'idle' },
    });
    const path = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    const bare = await site.holdfast('doctor');
    process.env['PATH'] = path;
    const run = await site.holdfast('backup', '--addin', 'nightly');
    const doctor = await site.holdfast('doctor');
    const check = await site.holdfast('status', '--check', '--json');
    const { overdue } = documentOf<StatusCheckDocument>('status-check', check);

    expect(run.stderr).toContain('nobody backs up site2: "policy" sends it to weekly');
    expect(doctor.stdout).toMatch(/^warn +policy +nobody backs up site2/m);
    expect(doctor.stdout).toMatch(/^warn +exclusions +no account has a tree "shadwo"/m);
    expect(run.stderr).toContain('"shadwo/cache" leaves nothing out');
    expect(bare.stdout).toMatch(/^error +ionice +not installed/m);
    expect(doctor.stdout).not.toContain('ionice');
    expect(overdue.map(({ addin, account }) => `${addin} ${account}`)).toContain('weekly site2');
  });

  it('lets no schedule rest that it sends accounts to, and that for them alone', async () => {
    weekly(['*']);
    sent();
    await site.holdfast('scope', 'set', 'backups.destination', 'nightly');
    const schedule = await site.holdfast('schedule', '--json');
    const scheduled = await sitesOf('--addin', 'weekly', '--scheduled');
    const byHand = await sitesOf('--addin', 'weekly');
    await site.holdfast('scope', 'set', 'backups.destination', 'null');
    const { schedules } = documentOf<ScheduleDocument>('schedule', schedule);

    expect(schedules.map(({ addin }) => addin)).toEqual(['weekly']);
    expect([scheduled, byHand]).toEqual([['site2'], ['_system', 'site1', 'site2']]);
  });

  it('is heeded by runs of named accounts that say so', async () => {
    weekly(['*']);
    sent();
    const elsewhere = await site.holdfast('backup', '--account', 'site2', '--addin', 'nightly', '--selected');
    const here = await sitesOf('--account', 'site2', '--addin', 'weekly', '--selected');

    expect([elsewhere.status, here]).toEqual([0, ['site2']]);
    expect(elsewhere.stderr).toContain('nightly has nothing to do');
  });
});

describe('a run over all accounts', () => {
  it('is the only one of its configuration; runs of single accounts go beside it', async () => {
    configure();
    const lock = lockRun(site.state, 'nightly');
    const second = await site.holdfast('backup', '--addin', 'nightly');
    const single = await site.holdfast('backup', '--addin', 'nightly', '--account', '_system');
    lock.release();

    expect(second.status).toBe(errorCodes.RUN_UNDER_WAY.exit);
    expect(single.stdout).toContain('1 snapshot');
  });
});

describe('an account that is gone from the panel', () => {
  it('keeps its retention, by the plan it had', async () => {
    rmSync(join(virtual, 'site2'), { recursive: true, force: true });
    const after = await pruned();
    configure({ policy: [] });
    const unruled = await pruned();
    configure();

    expect([after.exitStatus, removedOf(after)]).toEqual([0, []]);
    expect(new Set(removedOf(unruled))).toEqual(new Set(['site1', 'site2']));
  });
});
