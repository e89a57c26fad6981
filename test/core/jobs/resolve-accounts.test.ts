import { describe, expect, it } from 'vitest';
import type { Account } from '../../../src/core/index.ts';
import { resolveAccounts, selectAccounts } from '../../../src/core/jobs/resolve-accounts.ts';

const account = (site: string, domain: string | null = null, aliases: readonly string[] = []): Account => ({
  site,
  domain,
  aliases,
  home: null,
  plan: null,
  state: 'active',
  problem: null,
  owner: null,
  trees: [],
  databases: [],
  metadata: {},
});
const accounts = [
  account('site1', 'one.test', ['www.one.test']),
  account('site2', 'two.test', ['one.test', 'shared.test']),
  account('site12', null, ['shared.test']),
  account('_system'),
];
const uuid = '0b9c6c0e-6f0e-4c70-9a4e-1f3d6b1f1a00';
const sites = (list: readonly Account[]) => list.map(({ site }) => site);

describe('resolveAccounts', () => {
  it.each([
    [['site12'], ['site12']],
    [['ONE.test'], ['site1']],
    [['www.one.test', 'site1'], ['site1']],
    [
      ['_system', 'site2'],
      ['site2', '_system'],
    ],
    [[uuid.toUpperCase()], ['site2']],
    [[], []],
  ])('takes %j for %j', (wanted, expected) => {
    expect(sites(resolveAccounts(accounts, wanted, new Map([[uuid, 'site2']])))).toEqual(expected);
  });

  it('offers names that are close to one that does not exist', () => {
    expect(() => resolveAccounts(accounts, ['tow.test'])).toThrow(
      expect.objectContaining({
        code: 'ACCOUNT_NOT_FOUND',
        message: 'there is no account "tow.test"',
        hint: 'Name another account; did you mean "two.test"?',
      }),
    );
    expect(() => resolveAccounts(accounts, ['\u001b[31m'])).toThrow('there is no account "\\u{1b}[31m"');
  });

  it('does not guess between accounts that claim one alias', () => {
    expect(() => resolveAccounts(accounts, ['shared.test'])).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('site2, site12') }),
    );
  });

  it('takes no pattern', () => {
    expect(() => resolveAccounts(accounts, ['site*'])).toThrow(
      expect.objectContaining({ code: 'ACCOUNT_NOT_FOUND' }),
    );
  });
});

describe('selectAccounts', () => {
  it.each([
    [['*'], [], ['site1', 'site2', 'site12', '_system']],
    [['site1*'], [], ['site1', 'site12']],
    [['site?'], ['two.*'], ['site1']],
    [['*.ONE.test'], [], ['site1']],
    [['*'], ['_system', uuid], ['site1', 'site12']],
    [['site1'], ['site1'], []],
    [['site.', 'site(1|2)'], [], []],
  ])('includes %j but not %j', (include, exclude, expected) => {
    const selection = selectAccounts(accounts, { include, exclude }, new Map([[uuid, 'site2']]));

    expect(sites(selection.accounts)).toEqual(expected);
  });

  it('tells which patterns fit nothing', () => {
    const { unmatched } = selectAccounts(accounts, {
      include: ['site1', 'site7', '*.example'],
      exclude: ['nothing'],
    });

    expect(unmatched).toEqual(['site7', '*.example', 'nothing']);
  });
});
