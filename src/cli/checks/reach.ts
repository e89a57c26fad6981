/** Accounts that nobody backs up, and rules that are for nothing, though each configuration by itself is valid. */

import type { Configuration } from '../../core/config/load-configuration.ts';
import { idleExclusions } from '../../core/config/policy.ts';
import type { Account } from '../../core/index.ts';
import { type SitesByUuid, selectAccounts } from '../../core/jobs/resolve-accounts.ts';
import { printable } from '../../core/printable.ts';
import { plural } from '../format.ts';
import { astrayText, idleText, unreached } from '../runs/select-accounts.ts';
import { type Check, caution } from './check.ts';

const named = 5;

/** What some configuration excludes by name or pattern is left out on purpose. */
export function checkReach(
  accounts: readonly Account[],
  configuration: Configuration,
  sites: SitesByUuid,
): readonly Check[] {
  const { addins } = configuration;
  if (addins.length === 0) return [];
  const astray = unreached(accounts, configuration, sites);
  const hint = 'Add it to "include" there, or send it elsewhere.';
  const checks = astray.slice(0, named).map((one) => caution('policy', astrayText(one), hint));
  if (astray.length > named) checks.push(caution('policy', `${astray.length - named} accounts more`));
  const covered = new Set(
    addins.flatMap(({ accounts: { include, exclude } }) => [
      ...selectAccounts(accounts, { include, exclude: [] }, sites).accounts,
      ...selectAccounts(accounts, { include: exclude, exclude: [] }, sites).accounts,
    ]),
  );
  const left = accounts.filter((account) => !covered.has(account)).map(({ site }) => printable(site, 40));
  for (const pattern of idleExclusions(accounts, configuration).slice(0, named)) {
    checks.push(
      caution('exclusions', idleText(pattern), 'Correct backups.exclude, or the rule in "policy".'),
    );
  }
  if (left.length > 0) {
    const some = `${left.slice(0, named).join(', ')}${left.length > named ? ' ...' : ''}`;
    checks.push(
      caution(
        'accounts',
        `${plural(left.length, 'account')} in no addin configuration: ${some}`,
        'Add them to "include" of one, or to "exclude" where that is meant.',
      ),
    );
  }
  return checks;
}
