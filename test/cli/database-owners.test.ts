import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownerOf } from '../../src/cli/find-account.ts';
import { retentionsOf } from '../../src/cli/policies.ts';
import type { Search } from '../../src/cli/search.ts';
import type { Account } from '../../src/core/index.ts';
import {
  databaseOwners,
  databasesOnly,
  databasesOwner,
  ownerNames,
} from '../../src/core/state/database-owners.ts';
import { isUuid } from '../../src/core/state/server-identity.ts';
import { openState, type State } from '../../src/core/state/state.ts';

let stateDir: string;
let state: State;

const account = (site: string, rest: Partial<Account> = {}): Account => ({
  ...{ site, home: null, domain: null, aliases: [], plan: null, state: 'active', problem: null },
  ...{ owner: null, trees: [], databases: [], metadata: {} },
  ...rest,
});
/** Of the state and the panel alone: whoever asks the store here is wrong. */
const searchIn = (accounts: readonly Account[]): Search =>
  ({ state, panelAccounts: async () => accounts }) as unknown as Search;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'holdfast-owners-'));
  state = await openState(stateDir, {
    now: () => Date.UTC(2026, 10, 21),
    newUuid: randomUUID,
    machineId: async () => 'machine\n',
    readXattr: async () => null,
    readStamp: async () => null,
    writeXattr: () => Promise.reject(new Error('no')),
  });
});
afterEach(() => rm(stateDir, { recursive: true }));

describe('database owners', () => {
  it('follow from the UUID of the account, as the format says', () => {
    expect(databasesOwner('11111111-2222-4333-8444-555555555555')).toBe(
      '4e315003-a6a9-8eed-a9b7-5e5dd9c274e8',
    );
    expect(isUuid(databasesOwner(randomUUID()))).toBe(true);
  });

  it('are never those of an account whose name looks like theirs', async () => {
    const [anna, other] = [account('anna'), account('anna.databases')];
    const owners = databaseOwners(state, [anna]);
    await owners.sightAll([databasesOnly(anna)]);
    const given = await owners.accountId(databasesOnly(anna));

    expect(await state.accountId(other)).not.toBe(given);
    expect(given).toBe(databasesOwner(await state.accountId(anna)));
    expect(await owners.knownAccountId(databasesOnly(anna))).toBe(given);
    expect(ownerNames(state).get(given)).toBe('anna.databases');
    expect(state.accounts()).toHaveLength(2);
  });

  it('are what the name means, before any alias', async () => {
    const [anna, bert] = [account('anna', { domain: 'anna.test' }), account('bert')];
    const uuid = await state.accountId(anna);
    await state.accountId(bert);
    const search = searchIn([anna, { ...bert, aliases: ['anna.databases'] }]);

    for (const name of ['anna.databases', 'anna.test.databases', `${uuid}.databases`])
      expect(await ownerOf(search, name)).toBe(databasesOwner(uuid));
  });

  it('have the retention of the account', async () => {
    const anna = account('anna', { plan: 'gold' });
    const uuid = await state.accountId(anna);
    const policy = [{ plan: 'gold', retention: { keepDaily: 7 } }];
    const ruled = { policy } as unknown as Parameters<typeof retentionsOf>[1];
    const [here, elsewhere] = await Promise.all(
      [state.server.uuid, randomUUID()].map((server) => retentionsOf(searchIn([anna]), ruled, server)),
    );
    const { site, domain, aliases, plan, state: how, metadata } = databasesOnly(anna);
    const told = { site, domain, aliases, plan, state: how, uid: null, gid: null, metadata };

    expect(here!(databasesOwner(uuid), [])).toEqual({ keepDaily: 7 });
    expect(elsewhere!(databasesOwner(uuid), [told])).toEqual({ keepDaily: 7 });
  });
});
