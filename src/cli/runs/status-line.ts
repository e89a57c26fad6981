/**
 * What `status --check` says, in the way of monitoring plugins: one line with figures, then the accounts that are overdue.
 *
 * Monitoring takes what follows a bar for figures, so no name brings one along.
 */

import { printable } from '../../core/printable.ts';
import type { CliContext } from '../command.ts';
import type { StatusCheckDocument } from '../documents/status-check.ts';
import { plural } from '../format.ts';
import type { Doubt } from '../judged-snapshots.ts';
import type { AccountAge, Suspect } from './overdue.ts';

const words = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;
const shownAccounts = 50;
const hourMs = 3_600_000;

export type Found = AccountAge & { readonly addin: string; readonly limitHours: number };

/** What the stores have told. */
export interface Looked {
  readonly nowMs: number;
  /** Hours, of each configuration. */
  readonly limits: readonly number[];
  readonly found: Found[];
  readonly doubts: Doubt[];
  /** Why a configuration could not be looked at. */
  readonly unseen: string[];
  /** Sites, see `Ages`. */
  readonly anew: Set<string>;
  readonly suspect: Suspect[];
}

interface Told {
  readonly looked: Looked;
  readonly warnings: readonly string[];
  /** Of the configurations that have none of their own. */
  readonly limitHours: number;
}

/** @returns the exit status */
export function tellStatus({ output }: CliContext, { looked, warnings, limitHours }: Told): number {
  const { nowMs, found, unseen } = looked;
  const overdue = found.filter((one) => one.overdue);
  const status = overdue.length > 0 ? 2 : unseen.length > 0 ? 3 : warnings.length > 0 ? 1 : 0;
  const { first, figures, accounts } = summaryOf(looked, overdue);
  const summary = [...(found.length === 0 && unseen.length > 0 ? [] : [first]), ...warnings.map(line)].join(
    '; ',
  );
  output.line(`HOLDFAST ${words[status]} - ${summary} | ${figures}`);
  for (const one of overdue.slice(0, shownAccounts)) output.line(describe(one, nowMs));
  if (overdue.length > shownAccounts) output.line(`and ${overdue.length - shownAccounts} more`);
  output.document<StatusCheckDocument>({
    status: words[status]!,
    limitHours,
    accounts,
    overdue: overdue.map((one) => ({
      addin: one.addin,
      account: one.account,
      domain: one.domain,
      limitHours: one.limitHours,
      lastGoodAt: one.goodAtMs === null ? null : new Date(one.goodAtMs).toISOString(),
      lacking: [...one.lacking],
    })),
    warnings: [...warnings],
  });
  return status;
}

interface Summary {
  /** What is said of the accounts before all else. */
  readonly first: string;
  readonly figures: string;
  /** Several configurations may have an account; each that has it overdue is listed, and it counts once. */
  readonly accounts: number;
}

function summaryOf({ nowMs, limits, found }: Looked, overdue: readonly Found[]): Summary {
  const limit = new Set(limits).size === 1 ? limits[0]! : null;
  const ages = found.flatMap(({ goodAtMs }) => (goodAtMs === null ? [] : [nowMs - goodAtMs]));
  const oldest = hours(Math.max(0, ...ages));
  const accounts = new Set(found.map(({ account }) => account)).size;
  const lateAccounts = new Set(overdue.map(({ account }) => account)).size;
  const late = `${lateAccounts} of ${plural(accounts, 'account')} without a good snapshot`;
  const fine = `${plural(accounts, 'account')}, ${ages.length === 0 ? 'no snapshot yet' : `the oldest good snapshot is ${oldest} h old`}`;
  const figures = [
    `overdue=${lateAccounts};;0`,
    `oldest=${oldest}h${limit === null ? '' : `;;${limit}`}`,
    `accounts=${accounts}`,
  ];
  const first =
    overdue.length > 0 ? `${late} ${limit === null ? 'within their limits' : `for ${limit} h`}` : fine;
  return { first, figures: figures.join(' '), accounts };
}

const hours = (ms: number): string => (ms / hourMs).toFixed(1);

/** Of text from anywhere: what may stand in a line for monitoring. */
export const line = (text: string): string => printable(text, 500).replaceAll('|', '\\u{7c}');

function describe({ addin, account, domain, goodAtMs, lacking }: Found, nowMs: number): string {
  const last = goodAtMs === null ? 'no good snapshot' : `last good ${hours(nowMs - goodAtMs)} h ago`;
  const without = lacking.length === 0 ? '' : `; not good of late: ${lacking.join(', ')}`;
  return line(`${addin}: ${account}${domain === null ? '' : ` (${domain})`}: ${last}${without}`);
}
