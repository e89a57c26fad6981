/**
 * `holdfast key erase --local`: what is left to do on a server that cannot see its store, once an account was erased
 * elsewhere.
 *
 * Asks no store and destroys no key: the next backup begins with a full and a new one.
 */

import type { AddinConfiguration, Configuration } from '../core/config/load-configuration.ts';
import { HoldfastError } from '../core/errors.ts';
import { forgetAccount } from '../core/jobs/keys/forget-account.ts';
import { readEpoch } from '../core/state/owner-epochs.ts';
import type { CliContext } from './command.ts';
import type { KeyEraseDocument } from './documents/keys.ts';
import { openStateIfAny } from './opened.ts';
import { rememberedOwner } from './owner-to-erase.ts';

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
  const stores: { readonly name: string; readonly id: string }[] = [];
  for (const { name } of asked.addins) {
    const id = state?.storeId(name) ?? null;
    if (id !== null && (await readEpoch(stateDir, id, owner)) !== null) stores.push({ name, id });
  }
  if (stores.length === 0) {
    throw new HoldfastError('ACCOUNT_NOT_FOUND', `this server remembers no key of account ${owner}`, {
      hint: 'Nothing is left to forget, unless the account has another UUID here: look with holdfast accounts.',
    });
  }
  if (apply) {
    const ids = stores.map(({ id }) => id);
    await forgetAccount(stateDir, ids, owner);
  }
  const site = state?.sites().get(owner) ?? null;
  for (const { name } of stores) {
    output.line(
      apply
        ? `${name}: the key of account ${owner} is forgotten; its next backup begins with a full and a new key`
        : `${name}: the key of account ${owner} would be forgotten`,
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
    stores: stores.map(({ name }) => ({
      store: name,
      ...{ holds: [], keys: 0, left: [], closed: 0, open: 0, plain: 0, servers: [] },
      remaining: { count: 0, bytes: 0 },
    })),
  });
  return 0;
}
