/** What policy says of accounts, as `accounts --policy` shows it. */

import { policyOf, type Ruled } from '../core/config/policy.ts';
import type { Account } from '../core/index.ts';
import type { AccountsDocument } from './documents/accounts.ts';
import type { Output } from './output.ts';

type AccountItem = AccountsDocument['accounts'][number];
type Policy = NonNullable<AccountItem['policy']>;

const settings = ['retention', 'fullEveryDays', 'destination', 'exclude'] as const;

export function describePolicy(account: Account, ruled: Ruled): Policy {
  const { retention, fullEveryDays, destination, exclude } = policyOf(account, ruled);
  return {
    retention: { ...retention },
    fullEveryDays: { ...fullEveryDays },
    destination: { ...destination },
    exclude: { value: [...exclude.value], why: exclude.why },
  };
}

/** A line for each thing that is said of an account; the table escapes. */
export function printPolicies(output: Output, accounts: readonly AccountItem[]): void {
  const rows = accounts.flatMap(({ site, plan, policy }) => {
    const all = policy === null ? [] : settings.map((name) => [name, policy[name]] as const);
    const said = all.filter(([, { why }]) => why !== null);
    const about = [site, plan ?? '-'];
    if (said.length === 0) return [[...about, '-', 'as the addin configuration says', '-']];
    return said.map(([name, { value, why }]) => {
      const shown = typeof value === 'string' ? value : JSON.stringify(value);
      return [...about, name, shown, why ?? ''];
    });
  });
  output.table(
    [
      { title: 'SITE' },
      { title: 'PLAN' },
      { title: 'SETTING' },
      { title: 'VALUE', shrinks: true },
      { title: 'WHY', shrinks: true },
    ],
    rows,
  );
}
