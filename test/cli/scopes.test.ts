/** Scopes and policy through the real command line: what is set is what backup, prune and schedule do. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadFiles } from '../../src/cli/configuration.ts';
import type { AccountsDocument } from '../../src/cli/documents/accounts.ts';
import type { BackupPlanDocument } from '../../src/cli/documents/backup.ts';
import type { PruneDocument } from '../../src/cli/documents/prune.ts';
import type { ScheduleDocument } from '../../src/cli/documents/schedule.ts';
import type {
  ScopeDocument,
  ScopeSetDocument,
  ScopesDocument,
  ScopeValueDocument,
} from '../../src/cli/documents/scopes.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { ScopeRegistry } from '../../src/core/scopes/registry.ts';
import { parseScopeValue } from '../../src/core/scopes/value-grammar.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;

const set = async (name: string, value: string, ...more: string[]): Promise<ScopeSetDocument> =>
  documentOf<ScopeSetDocument>('scope-set', await site.holdfast('scope:set', name, value, ...more, '--json'));
const plan = async (...args: string[]): Promise<BackupPlanDocument> =>
  documentOf<BackupPlanDocument>(
    'backup-plan',
    await site.holdfast('backup', '--dry-run', '--json', ...args),
  );
const history = (): string[] =>
  readFileSync(join(site.config, 'scopes.history.jsonl'), 'utf8').trim().split('\n');

const configure = (extra: Readonly<Record<string, unknown>> = {}): void =>
  writeJson(join(site.config, 'config.json'), {
    panel: { use: 'generic', accounts: [{ path: join(site.dir, 'home/*') }] },
    ...extra,
  });

beforeAll(() => {
  const dir = makeDirectory();
  for (const name of ['anna', 'ben']) {
    mkdirSync(join(dir, 'home', name, 'cache'), { recursive: true });
    writeFileSync(join(dir, 'home', name, 'cache/file'), name);
  }
  site = makeSite({}, dir);
  configure();
  const nightly = {
    name: 'nightly',
    provider: { use: 'chain' },
    store: { use: 'local', path: site.store },
    encryption: 'none',
    schedule: [{ level: 'auto', cron: '0 3 * * *' }],
  };
  writeJson(join(site.config, 'addins.d/nightly.json'), nightly);
  const weekly = { ...nightly, name: 'weekly', store: { use: 'local', path: join(dir, 'other') } };
  writeJson(join(site.config, 'addins.d/weekly.json'), weekly);
});
afterAll(() => site.remove());

describe('holdfast scope', () => {
  it('sets once, says who did, and gives back what the configuration says', async () => {
    const first = await set('backups.concurrency', '4', '--by', 'panel');
    const second = await set('backups.concurrency', '4');
    const info = documentOf<ScopeDocument>(
      'scope',
      await site.holdfast('scope', 'info', 'backups.concurrency', '--json'),
    );
    const lines = history();
    const back = await set('backups.concurrency', 'null');

    expect(first).toMatchObject({ from: 2, value: 4, changed: true });
    expect(second.changed).toBe(false);
    expect(info).toMatchObject({ value: 4, default: 2, settings: 'int', setBy: 'panel' });
    expect(lines).toHaveLength(1);
    expect(back).toMatchObject({ from: 4, value: 2, changed: true });
    expect(history()).toHaveLength(2);
  });

  it('takes JSON, and lists every scope by name', async () => {
    const value = '["shadow/a,b"]';
    const { stderr } = await site.holdfast('scope', 'set', 'backups.exclude', value, '--input', 'json');
    const listed = await site.holdfast('scope:list');
    const { scopes } = documentOf<ScopesDocument>('scopes', await site.holdfast('scope:list', '--json'));
    const got = await site.holdfast('scope:get', 'backups.exclude', '--json');
    await set('backups.exclude', 'null');

    expect(scopes.map(({ name }) => name)).toEqual(scopes.map(({ name }) => name).toSorted());
    expect(scopes).toHaveLength(13);
    for (const { name } of scopes) expect(listed.stdout).toMatch(new RegExp(`^${name} `, 'm'));
    expect(documentOf<ScopeValueDocument>('scope-value', got).value).toEqual(['shadow/a,b']);
    expect(stderr).toContain('note: no account has a tree "shadow": "shadow/a,b" leaves nothing out');
  });

  it.each([
    ['backups.concurrency', '99', 'takes a whole number from 1 to 64'],
    ['backups.enabled', 'maybe', 'takes true or false'],
    ['backups.schedule', '99 3 * * *', 'takes a cron expression'],
    ['backups.window', '25:00-06:00', 'takes two times of the day'],
    ['backups.destination', 'yearly', 'configured are nightly, weekly'],
    ['backups.exclude', '[shadow/../etc]', 'takes a list of tree/path patterns'],
    ['backups.retention', '[keepDaily: many]', 'takes keys keepLast'],
    ['backups.level-cadence', 'weekly', 'takes monthly or forever'],
    ['backups.alert-after', 'soon', 'takes a number of hours'],
  ])('refuses %s %s and says what is allowed', async (name, value, message) => {
    const { configuration, definitions } = await loadFiles(site.config);
    const registry = new ScopeRegistry({ configuration, definitions, contributed: [], now: () => 0 });
    const before = history();

    await expect(registry.set(name, parseScopeValue(value), 'test')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message),
    });
    expect(history()).toEqual(before);
  });

  it('never repeats a secret that was written where a reference belongs', async () => {
    const value = '[[use: ping, url: https://example.net/secret-token]]';
    const { status, stderr } = await site.holdfast('scope', 'set', 'backups.notify', value);

    expect(status).toBe(errorCodes.CONFIG_INVALID.exit);
    expect(stderr).not.toContain('secret-token');
  });

  it('keeps every change of writers at the same time', async () => {
    const before = history().length;
    const names = ['backups.concurrency', 'backups.alert-after', 'backups.bandwidth-limit', 'backups.window'];
    const values = ['5', '48', '1000000', '22:00-06:00'];
    const ended = await Promise.all(names.map((name, i) => site.holdfast('scope:set', name, values[i]!)));
    const { scopes } = documentOf<ScopesDocument>('scopes', await site.holdfast('scope:list', '--json'));
    for (const name of names) await set(name, 'null');

    expect(ended.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect(names.map((one) => scopes.find(({ name }) => name === one)?.value)).toEqual([
      5,
      48,
      1_000_000,
      '22:00-06:00',
    ]);
    expect(history()).toHaveLength(before + 8);
  });

  it('notes a change whose writer was killed before its line, also where the next change takes its place', async () => {
    const { configuration, definitions } = await loadFiles(site.config);
    let atMs = Date.now();
    const now = (): number => (atMs += 1000);
    const registry = new ScopeRegistry({ configuration, definitions, contributed: [], now });
    const before = history();
    await registry.set('backups.concurrency', 7, 'mallory');
    writeFileSync(join(site.config, 'scopes.history.jsonl'), `${before.join('\n')}\n`);
    await registry.set('backups.concurrency', null, 'bob');
    const added = history().slice(before.length);

    expect(added.map((line) => JSON.parse(line))).toMatchObject([
      { name: 'backups.concurrency', to: 7, by: 'mallory' },
      { name: 'backups.concurrency', from: 7, to: null, by: 'bob' },
    ]);
  });

  it('is told of a damaged file by every command, which those that only read can do without', async () => {
    const path = join(site.config, 'scopes.json');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, '{');
    const results = [await site.holdfast('prune'), await site.holdfast('accounts')];
    writeFileSync(path, text);

    expect(results.map(({ status }) => status)).toEqual([errorCodes.CONFIG_INVALID.exit, 0]);
    for (const { stderr } of results) expect(stderr).toContain('scopes.json is damaged');
  });
});

describe('scopes in force', () => {
  it('stop and start backups', async () => {
    await set('backups.enabled', 'false');
    const stopped = await site.holdfast('backup', '--addin', 'nightly');
    const idle = documentOf<ScheduleDocument>('schedule', await site.holdfast('schedule', '--json'));
    const doctor = await site.holdfast('doctor');
    await set('backups.enabled', 'true');

    expect(stopped.status).toBe(errorCodes.BACKUPS_DISABLED.exit);
    expect(idle.schedules).toEqual([]);
    expect(doctor.stdout).toMatch(/^warn +backups +are switched off by the scope backups\.enabled/m);
    expect((await plan('--addin', 'nightly')).accounts).toHaveLength(2);
  });

  it('choose destination, accounts, exclusions and times', async () => {
    await set('backups.destination', 'weekly');
    await set('backups.accounts', '[include: [*], exclude: [ben]]');
    await set('backups.exclude', '[files/cache]');
    await set('backups.schedule', "[[level: full, cron: '30 1 * * 6']]");
    await set('backups.level-cadence', 'forever');
    const planned = await plan();
    const { schedules } = documentOf<ScheduleDocument>('schedule', await site.holdfast('schedule', '--json'));
    for (const name of ['destination', 'accounts', 'exclude', 'schedule', 'level-cadence']) {
      await set(`backups.${name}`, 'null');
    }

    expect(planned.addin).toBe('weekly');
    expect(planned.accounts.map(({ account }) => account)).toEqual(['anna']);
    expect(planned.accounts[0]?.trees[0]?.exclude).toContain('cache');
    expect(schedules).toMatchObject([{ addin: 'weekly', level: 'full', cron: '30 1 * * 6' }]);
  });

  it('say which accounts there are none of, and that nobody is left', async () => {
    const some = await site.holdfast('scope', 'set', 'backups.accounts', '[anna, carol]');
    const none = await site.holdfast('scope', 'set', 'backups.accounts', '[nobody]');
    const run = await site.holdfast('backup', '--addin', 'nightly');
    await set('backups.accounts', 'null');

    expect(some.stderr).toBe('note: no account fits "carol"\n');
    expect(none.stderr).toMatch(/^note: no account fits "nobody"\nwarning: no account is selected any more/);
    expect(run.status).toBe(errorCodes.ACCOUNT_NOT_FOUND.exit);
    expect(run.stderr).toContain('hint: Correct the scope backups.accounts');
  });

  it('decide what prune keeps, and policy outranks them', async () => {
    for (let i = 0; i < 3; i += 1) await site.holdfast('backup', '--addin', 'nightly', '--level', 'full');
    await set('backups.retention', '[keepLast: 1]');
    const keptOf = async (): Promise<Record<string, number>> => {
      const printed = await site.holdfast('prune', '--addin', 'nightly', '--json');
      const { snapshots } = documentOf<PruneDocument>('prune', printed);
      const kept = snapshots.filter(({ action }) => action === 'keep');
      return Object.fromEntries(['anna', 'ben'].map((a) => [a, kept.filter((s) => s.account === a).length]));
    };
    const byScope = await keptOf();
    configure({ policy: [{ account: 'ben', retention: { keepLast: 2 } }] });
    const byPolicy = await keptOf();
    configure();
    await set('backups.retention', 'null');

    expect(byScope).toEqual({ anna: 1, ben: 1 });
    expect(byPolicy).toEqual({ anna: 1, ben: 2 });
  });
});

describe('holdfast accounts --policy', () => {
  it('shows what applies and why, the most specific first', async () => {
    await set('backups.exclude', '[files/cache]');
    configure({
      policy: [
        { account: 'b*', destination: 'weekly', exclude: ['files/tmp'] },
        { account: 'ben', exclude: ['files/logs'], fullEveryDays: 7 },
      ],
    });
    const shown = await site.holdfast('accounts', '--policy');
    const { accounts } = documentOf<AccountsDocument>(
      'accounts',
      await site.holdfast('accounts', '--policy', '--json'),
    );
    const here = await plan('--addin', 'nightly');
    configure();
    await set('backups.exclude', 'null');
    const [anna, ben] = accounts;

    expect(anna?.policy?.exclude).toEqual({ value: ['files/cache'], why: 'scope backups.exclude' });
    expect(ben?.policy?.exclude).toEqual({ value: ['files/logs'], why: '/policy/1, account "ben"' });
    expect(ben?.policy?.destination).toEqual({ value: 'weekly', why: '/policy/0, account "b*"' });
    expect(ben?.policy?.retention).toEqual({ value: null, why: null });
    expect(shown.stdout).toMatch(/^ben +- +fullEveryDays +7 +\/policy\/1, account "ben"/m);
    expect(here.accounts.map(({ account }) => account)).toEqual(['anna']);
  });

  it('refuses rules for nobody and destinations that are not there', async () => {
    configure({
      policy: [
        { exclude: ['files/a'], fullEveryDays: 3 },
        { plan: 'x', destination: 'gone' },
      ],
    });
    const { status, stderr } = await site.holdfast('accounts', '--policy');
    configure();

    expect(status).toBe(errorCodes.CONFIG_INVALID.exit);
    expect(stderr).toContain('/policy/0: is for nobody');
    expect(stderr).toContain('/policy/1/destination: there is no addin configuration "gone"');
  });
});
