/** Which accounts a run is for: those named, or those of its configuration that no policy sends elsewhere. */

import type { Configuration } from '../../core/config/load-configuration.ts';
import { policyOf } from '../../core/config/policy.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Account, Panel } from '../../core/index.ts';
import {
  type AccountSelection,
  resolveAccounts,
  type SitesByUuid,
  selectAccounts,
} from '../../core/jobs/resolve-accounts.ts';
import { quoted } from '../../core/printable.ts';
import type { CliContext } from '../command.ts';
import { chooseAddin } from '../configuration.ts';

interface Parts {
  readonly configuration: Configuration;
  readonly panel: Panel;
  readonly chosen: { readonly addin?: string; readonly account?: readonly string[] };
}

/** @throws ACCOUNT_NOT_FOUND nothing is left to back up */
export async function selectForRun(
  { output, signal }: CliContext,
  { configuration, panel, chosen }: Parts,
  sites: SitesByUuid,
): Promise<AccountSelection> {
  const all = await panel.accounts({ signal });
  if (chosen.account !== undefined) {
    return { accounts: resolveAccounts(all, chosen.account, sites), unmatched: [] };
  }
  const addin = chooseAddin(configuration, chosen.addin);
  const { accounts, unmatched } = selectAccounts(all, addin.accounts, sites);
  const here = accounts.filter((account) => isFor(account, addin.name, configuration));
  if (here.length === 0) {
    throw new HoldfastError('ACCOUNT_NOT_FOUND', `the configuration ${addin.name} selects no account`, {
      hint: 'Correct "accounts" in the addin configuration; holdfast accounts shows what there is.',
    });
  }
  for (const pattern of unmatched) output.note(`note: no account fits ${quoted(pattern)}`);
  return { accounts: here, unmatched };
}

/** Whether no policy sends the account to another addin configuration than this, or the one this is a copy of. */
export function isFor(account: Account, addin: string, configuration: Configuration): boolean {
  const { value } = policyOf(account, configuration).destination;
  return value === null || value === addin || addin.startsWith(`${value}/`);
}
