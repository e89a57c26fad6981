import { expect, it } from 'vitest';
import { checkAccounts, checkDatabases, checkSelections } from '../../../src/cli/checks/panel.ts';
import type { Configuration } from '../../../src/core/config/load-configuration.ts';
import { openDatabaseEngine } from '../../../src/core/databases/index.ts';
import type { Account } from '../../../src/core/index.ts';

const account = { site: 'anna', domain: null, aliases: [], problem: null } as unknown as Account;

it('a panel without an account is an error, with the status that a backup ends with', () => {
  expect(checkAccounts([], 'generic')).toMatchObject([{ state: 'error', code: 'ACCOUNT_NOT_FOUND' }]);
  expect(checkAccounts([account], 'generic')).toMatchObject([{ state: 'ok' }]);
});

it('a configuration that selects no account is named', () => {
  const addins = ['anna', 'nobody'].map((name) => ({ name, accounts: { include: [name], exclude: [] } }));
  const found = checkSelections([account], { addins } as unknown as Configuration, new Map());

  expect(found).toMatchObject([{ state: 'warn', name: 'accounts of nobody' }]);
});

it.each(['mariadb', 'postgresql'] as const)(
  'a client of %s that is missing and a server that is down have the codes of a backup',
  async (engine) => {
    const settings = {
      name: 'one',
      engine,
      socket: '/nonexistent/x',
      user: 'root',
      clientPath: '/nonexistent',
    };
    const opened = await openDatabaseEngine(settings, { now: Date.now });
    const checks = await checkDatabases([opened], [], new AbortController().signal);
    await opened.close();
    const codes = Object.fromEntries(checks.map(({ name, code }) => [name, code]));

    expect(codes).toEqual({
      'database one: client': 'PREREQUISITE_MISSING',
      'database one: connection': 'DATABASE_UNREACHABLE',
    });
  },
);
