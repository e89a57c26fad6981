/**
 * Which accounts a run is for: those named, or those of its configuration that no policy sends elsewhere. And which ones a
 * policy sends where nobody takes them.
 */

import type { Configuration } from '../../core/config/load-configuration.ts';
import { idleExclusions, policyOf } from '../../core/config/policy.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Account, Panel } from '../../core/index.ts';
import {
  type AccountSelection,
  resolveAccounts,
  type SitesByUuid,
  selectAccounts,
} from '../../core/jobs/resolve-accounts.ts';
import { printable, quoted } from '../../core/printable.ts';
import type { CliContext } from '../command.ts';
import { chooseAddin } from '../configuration.ts';
import type { RunOptions } from './run-parts.ts';

interface Parts {
  readonly configuration: Configuration;
  readonly panel: Panel;
  readonly chosen: Pick<RunOptions, 'addin' | 'account' | 'selected' | 'scheduled'>;
}

const shown = 5;

export const noAccountText = (panel: string): string => `the panel ${panel} has no account`;
export const noAccountHint =
  'Correct "panel" in config.json: what it names fits nothing on this server. A new one may have no account yet.';
export const noneSelectedHint =
  'Correct the scope backups.accounts where it is set, else "accounts" in the addin configuration; holdfast accounts shows what there is.';

/** @throws ACCOUNT_NOT_FOUND nothing is left to back up, although it was not only asked for what belongs here */
export async function selectForRun(
  { output, signal }: CliContext,
  { configuration, panel, chosen }: Parts,
  sites: SitesByUuid,
): Promise<AccountSelection> {
  const all = await panel.accounts({ signal });
  if (all.length === 0)
    throw new HoldfastError('ACCOUNT_NOT_FOUND', noAccountText(panel.name), { hint: noAccountHint });
  const { account: named, selected, scheduled } = chosen;
  const wanted = new Set(named === undefined ? all : resolveAccounts(all, named, sites));
  if (named !== undefined && selected !== true) return { accounts: [...wanted], unmatched: [] };
  const addin = chooseAddin(configuration, chosen.addin);
  const { accounts, unmatched } = selectAccounts(all, addin.accounts, sites);
  const byItself = selected === true || scheduled === true;
  const isMine = byItself ? isSentHere : isFor;
  const here = accounts.filter((one) => wanted.has(one) && isMine(one, addin.name, configuration));
  if (here.length === 0 && !(byItself && accounts.length > 0)) {
    throw new HoldfastError('ACCOUNT_NOT_FOUND', `the configuration ${addin.name} selects no account`, {
      hint: noneSelectedHint,
    });
  }
  if (here.length === 0) output.note(`note: ${addin.name} has nothing to do: it is not for these accounts`);
  if (named !== undefined) return { accounts: here, unmatched: [] };
  for (const pattern of unmatched) output.note(`note: no account fits ${quoted(pattern)}`);
  const astray = unreached(all, configuration, sites);
  for (const one of astray.slice(0, shown)) output.note(`warning: ${astrayText(one)}`);
  for (const pattern of idleExclusions(all, configuration).slice(0, shown))
    output.note(`warning: ${idleText(pattern)}`);
  if (astray.length > shown) output.note(`warning: and ${astray.length - shown} accounts more`);
  return { accounts: here, unmatched };
}

/** Whether no policy sends the account to another addin configuration than this, or the one this is a copy of. */
export function isFor(account: Account, addin: string, configuration: Configuration): boolean {
  const { value } = policyOf(account, configuration).destination;
  return value === null || isOf(value, addin);
}

/** Whether an addin configuration is the one that was named, or a copy of it. */
export const isOf = (sent: string, addin: string): boolean => addin === sent || addin.startsWith(`${sent}/`);

/** As `isFor`, of what is backed up by itself: what no policy sends anywhere goes where backups.destination says, or everywhere. */
export function isSentHere(account: Account, addin: string, configuration: Configuration): boolean {
  const sent = policyOf(account, configuration).destination.value ?? configuration.steering.destination;
  return sent === null || isOf(sent, addin);
}

export interface Astray {
  readonly account: Account;
  /** Name of the addin configuration. */
  readonly addin: string;
}

/** Accounts that a policy sends to an addin configuration that does not select them: nobody backs them up. */
export function unreached(
  all: readonly Account[],
  configuration: Configuration,
  sites: SitesByUuid,
): readonly Astray[] {
  if (configuration.policy.every(({ destination }) => destination === undefined)) return [];
  const taken = new Map(
    configuration.addins.map(({ name, accounts }) => [
      name,
      new Set(selectAccounts(all, accounts, sites).accounts),
    ]),
  );
  return all.flatMap((account) => {
    const addin = policyOf(account, configuration).destination.value;
    return addin === null || taken.get(addin)?.has(account) ? [] : [{ account, addin }];
  });
}

export const idleText = (pattern: string): string =>
  `no account has a tree ${quoted(pattern.slice(0, pattern.indexOf('/')))}: ${quoted(pattern)} leaves nothing out`;

export const astrayText = ({ account: { site }, addin }: Astray): string =>
  `nobody backs up ${printable(site)}: "policy" sends it to ${addin}, whose "accounts" leave it out`;
