/**
 * `holdfast key erase --local`: what is left to do on a server that cannot see its store, once an account was erased
 * elsewhere.
 *
 * Asks no store and destroys no key: the next backup begins with a full and a new one.
 */

import type { AddinConfiguration, Configuration } from '../core/config/load-configuration.ts';
import { HoldfastError } from '../core/errors.ts';
import { forgetAccount } from '../core/jobs/keys/forget-account.ts';
import { ownerNames } from '../core/state/database-owners.ts';
import { readEpoch } from '../core/state/owner-epochs.ts';
import type { CliContext } from './command.ts';
import type { KeyEraseDocument } from './documents/keys.ts';
import { openStateIfAny } from './opened.ts';
import { rememberedOwner } from './owner-to-erase.ts';
import { withDatabases } from './owners-of-account.ts';

/** @throws ACCOUNT_NOT_FOUND this server knows no key of it; ACCOUNT_LOCKED a backup of it is under way */
export async function forgetHere(
  { world, output }: CliContext,
  configuration: Configuration,
  asked: {
    readonly account: string;
    readonly addins: readonly Pick<AddinConfiguration, 'name'>[];
    readonly apply: boolean;
  },
): Promise<number> {
  const { account, apply } = asked;
  const { stateDir } = configuration;
  const state = await openStateIfAny(configuration, world);
  const owner = rememberedOwner(state, account);
  const owners = withDatabases(account, owner);
  const stores: { readonly name: string; readonly id: string; readonly of: string }[] = [];
  for (const { name } of asked.addins) {
    const id = state?.storeId(name) ?? null;
    if (id === null) continue;
    for (const of of owners) if ((await readEpoch(stateDir, id, of)) !== null) stores.push({ name, id, of });
  }
  if (stores.length === 0) {
    throw new HoldfastError('ACCOUNT_NOT_FOUND', `this server remembers no key of account ${owner}`, {
      hint: 'Nothing is left to forget, unless the account has another UUID here: look with holdfast accounts.',
    });
  }
  if (apply) {
    for (const [of, found] of Map.groupBy(stores, (one) => one.of)) {
      const ids = found.map(({ id }) => id);
      await forgetAccount(stateDir, ids, of);
    }
  }
  const site = (state === null ? undefined : ownerNames(state).get(owner)) ?? null;
  for (const { name, of } of stores) {
    const whose = of === owner ? `account ${owner}` : `the databases of account ${owner}, ${of},`;
    output.line(
      apply
        ? `${name}: the key of ${whose} is forgotten; its next backup begins with a full and a new key`
        : `${name}: the key of ${whose} would be forgotten`,
    );
  }
  if (!apply) output.info('nothing was changed; add --apply to have it forgotten');
  output.document<KeyEraseDocument>({
    account,
    owner,
    site,
    local: true,
    applied: apply,
    exitStatus: 0,
    stores: stores.map(({ name, of }) => ({
      ...{ store: name, owner: of, databasesOnly: of !== owner },
      ...{ holds: [], keys: 0, left: [], closed: 0, keyless: 0, open: 0, plain: 0, servers: [] },
      remaining: { count: 0, bytes: 0 },
    })),
  });
  return 0;
}
