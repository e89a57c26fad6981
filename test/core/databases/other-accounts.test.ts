/** What of other accounts' names an account's own prefix begins. */

import { describe, expect, it } from 'vitest';
import type { Account, DatabaseSelector } from '../../../src/core/contracts/panel.ts';
import { accountNames } from '../../../src/core/databases/account-names.ts';
import { withOtherAccounts } from '../../../src/core/databases/other-accounts.ts';

function account(site: string, prefix: string | null, more: Partial<DatabaseSelector> = {}): Account {
  const selector: DatabaseSelector = { family: 'mysql', prefix, admin: null, names: [], ...more };
  return {
    site,
    home: null,
    domain: null,
    aliases: [],
    plan: null,
    state: 'active',
    problem: null,
    owner: null,
    trees: [],
    databases: [selector],
    metadata: {},
  };
}

const selectorsOf = (accounts: readonly Account[]) =>
  withOtherAccounts(accounts).map(({ databases }) => databases[0]!);

describe('prefixes of which one begins another', () => {
  const [short, long, pg, none] = selectorsOf([
    account('site1', 'exa_', { admin: 'exa_boss' }),
    account('site2', 'exa_corp_', { admin: 'exa_corp' }),
    account('site3', 'exa_corp_', { family: 'postgresql' }),
    account('site4', null, { admin: 'exaadmin' }),
  ]);

  it('give each name to the longest, with users and the administrator of the other', () => {
    expect(short!.others).toMatchObject({ prefixes: ['exa_corp_'], admins: ['exa_corp'] });
    const [mine, theirs] = [accountNames(short!), accountNames(long!)];
    expect(['exa_shop', 'exa_corp', 'exa_corp_shop', 'exaXshop'].filter(mine.hasPrefix)).toEqual([
      'exa_shop',
      'exa_corp',
    ]);
    expect(['exa_web', 'exa_boss', 'exa_corp', 'exa_corp_web', ''].filter(mine.isUser)).toEqual([
      'exa_web',
      'exa_boss',
    ]);
    expect(['exa_shop', 'exa_corp_shop'].filter(theirs.hasPrefix)).toEqual(['exa_corp_shop']);
    expect(['exa_corp', 'exa_corp_web', 'exa_web'].filter(theirs.isUser)).toEqual([
      'exa_corp',
      'exa_corp_web',
    ]);
  });

  it('count on one kind of server only', () => {
    expect(pg!.others).toBeUndefined();
    expect(none!.others?.all?.prefixes).toEqual(['exa_', 'exa_corp_']);
  });

  it('keep what begins with any of them from whoever is granted it', () => {
    const names = ['exa_shop', 'exa_corp_shop', 'exa_boss', 'exa_corp', 'exaadmin', 'shop', 'ex', ''];
    const [theirs, nobodys] = [accountNames(long!), accountNames(none!)];
    expect(names.filter(theirs.isOthers)).toEqual(['exa_shop', 'exa_boss', 'exaadmin']);
    expect(names.filter(nobodys.isOthers)).toEqual(['exa_shop', 'exa_corp_shop', 'exa_boss', 'exa_corp']);
  });

  it('are told anew each time', () => {
    const [alone] = withOtherAccounts([{ ...account('site1', 'exa_'), databases: [short!] }]);
    expect(alone!.databases[0]!.others).toBeUndefined();
  });
});

describe('accounts that share a prefix', () => {
  it('are named to each other', () => {
    const problems = withOtherAccounts([
      account('site1', 'exa_'),
      { ...account('site2', 'exa_'), problem: 'info is missing' },
      account('site3', 'exa_', { family: 'postgresql' }),
    ]).map(({ problem }) => problem);
    expect(problems).toEqual([
      'mysql prefix exa_ is also that of site2',
      'info is missing; mysql prefix exa_ is also that of site1',
      null,
    ]);
  });

  it('are many without a text that grows with their number', () => {
    const many = Array.from({ length: 10_000 }, (_, at) =>
      account(`site${at + 1}`, at < 9_999 ? `a${at}_` : 'a'),
    );
    const told = withOtherAccounts(many);
    const last = told.at(-1);
    expect(last!.databases[0]!.others?.prefixes).toHaveLength(9_999);
    const lists = new Set(told.map(({ databases }) => databases[0]!.others?.all));
    expect(lists.size).toBe(1);
    const same = withOtherAccounts(many.map(({ site }) => account(site, 'exa_')));
    expect(same.at(-1)?.problem).toBe(
      'mysql prefix exa_ is also that of site1, site2, site3, site4, site5 and 9994 more',
    );
  });
});
