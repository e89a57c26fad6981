/** The account of this server that a snapshot belongs to. Found by UUID, since sites are used again. */

import { HoldfastError } from '../core/errors.ts';
import type { Account, Panel } from '../core/index.ts';
import type { Snapshot } from '../core/jobs/catalog.ts';
import { databasesOwner, databasesSite } from '../core/state/database-owners.ts';
import type { CliContext } from './command.ts';
import { openStateOf } from './opened.ts';
import type { StoreSession } from './store-session.ts';

export interface LiveAccount {
  readonly account: Account;
  /** Its own UUID, also where the snapshot is of its databases. */
  readonly owner: string;
}

/** @throws ACCOUNT_NOT_FOUND no account of this server, and the databases of none, have the snapshot's UUID now */
export type FindLive = (snapshot: Pick<Snapshot, 'header' | 'body' | 'name'>) => Promise<LiveAccount>;

/** Asks the panel once, for any number of snapshots. */
export async function liveAccounts(
  { world, signal }: CliContext,
  panel: Panel,
  { configuration }: StoreSession['loaded'],
): Promise<FindLive> {
  const state = await openStateOf(configuration, world);
  const accounts = await panel.accounts({ signal });
  return async ({ header, body, name }) => {
    const { site } = body.account;
    const isLikely = (one: Account): boolean => one.site === site || databasesSite(one.site) === site;
    const likely = [...accounts.filter(isLikely), ...accounts.filter((one) => !isLikely(one))];
    for (const account of likely) {
      const owner = await state.knownAccountId(account);
      if (owner === null) continue;
      if (owner === header.owner || databasesOwner(owner) === header.owner) return { account, owner };
    }
    const message = `the account of ${name} (${header.owner}) is not on this server`;
    throw new HoldfastError('ACCOUNT_NOT_FOUND', message, {
      hint: 'Restore with --to DIR; a new account on the same site is another account.',
    });
  };
}

/** @throws ACCOUNT_NOT_FOUND */
export async function liveAccount(
  context: CliContext,
  panel: Panel,
  snapshot: Snapshot,
  loaded: StoreSession['loaded'],
): Promise<LiveAccount> {
  return (await liveAccounts(context, panel, loaded))(snapshot);
}
