/**
 * Which accounts have no good snapshot of every component that is young enough: the rule of alarms.
 *
 * A complete snapshot is good in all of it. Of partial ones, several together may be: each component counts
 * by its own last good, and the components that count are those of the newest snapshot. An account that is
 * younger than the limit has had no time yet.
 */

import { stat } from 'node:fs/promises';
import type { Configuration } from '../../core/config/load-configuration.ts';
import { policyOf } from '../../core/config/policy.ts';
import { HoldfastError, isHoldfastError } from '../../core/errors.ts';
import type { Account } from '../../core/index.ts';
import { type ListedSnapshot, readAnySnapshot } from '../../core/jobs/catalog.ts';
import { eachLimited } from '../../core/jobs/each-limited.ts';
import { selectAccounts } from '../../core/jobs/resolve-accounts.ts';
import { listCandidates } from '../find-snapshot.ts';
import type { StoreSession } from '../store-session.ts';

export interface AccountAge {
  readonly account: string;
  readonly domain: string | null;
  /** When everything was good last; null: never, as far as the limit is concerned. */
  readonly goodAtMs: number | null;
  /** Components without a good snapshot within the limit, of an account that is overdue. */
  readonly lacking: readonly string[];
  readonly overdue: boolean;
}

const accountsAtOnce = 16;
/** A snapshot from further ahead was made by a clock that was wrong: it would keep the alarm silent until then. */
const mostAheadMs = 3_600_000;

/** @throws ACCOUNT_NOT_FOUND the configuration selects no account, which is no reason to be at ease */
export async function agesOf(
  { addin, loaded: { configuration }, search, state }: StoreSession,
  { limitMs, nowMs }: { readonly limitMs: number; readonly nowMs: number },
): Promise<readonly AccountAge[]> {
  const [candidates, found] = await Promise.all([listCandidates(search, null), search.panelAccounts()]);
  const selected = selectAccounts(found, addin.accounts, state?.sites() ?? new Map());
  if (selected.accounts.length === 0) {
    throw new HoldfastError('ACCOUNT_NOT_FOUND', `the configuration ${addin.name} selects no account`);
  }
  const accounts = selected.accounts.filter((account) => isExpected(account, addin.name, configuration));
  const past = candidates.filter(({ atMs }) => atMs <= nowMs + mostAheadMs);
  const byOwner = Map.groupBy(past, ({ owner }) => owner);
  const ages: AccountAge[] = [];
  const ageOf = async (account: Account): Promise<AccountAge> => {
    const { site, domain } = account;
    const owner = state === null ? null : await state.knownAccountId(account);
    const listed = owner === null ? [] : (byOwner.get(owner) ?? []);
    const complete = listed.findLast((one) => one.state === 'complete')?.atMs ?? null;
    const base = { account: site, domain, goodAtMs: complete, lacking: [] };
    if (complete !== null && nowMs - complete <= limitMs) return { ...base, overdue: false };
    if (listed.length === 0) return { ...base, overdue: !(await isNew(account, nowMs - limitMs)) };
    const young = listed.filter(({ atMs, state: how }) => how === 'partial' && nowMs - atMs <= limitMs);
    const { goodAtMs, lacking } = await together(search, young);
    if (goodAtMs !== null) return { ...base, goodAtMs, overdue: false };
    return { ...base, lacking, overdue: true };
  };
  // Where all snapshots are partial, manifests are read of each account.
  await eachLimited([...accounts.entries()], accountsAtOnce, async ([index, account]) => {
    ages[index] = await ageOf(account);
  });
  return ages;
}

/** Since when partial snapshots hold each component of the newest; null where one is in none of them. */
async function together(
  { provider, signal }: StoreSession['search'],
  listed: readonly ListedSnapshot[],
): Promise<{ readonly goodAtMs: number | null; readonly lacking: readonly string[] }> {
  const goodAt = new Map<string, number>();
  let wanted: readonly string[] | null = null;
  for (const one of listed.toReversed()) {
    const body = await readAnySnapshot(provider, one, signal).then(
      (snapshot) => snapshot.body,
      (error: unknown) => {
        if (isHoldfastError(error) && /^OBJECT_/.test(error.code)) return null;
        throw error;
      },
    );
    if (body === null) continue;
    wanted ??= body.components.map(({ name }) => name);
    for (const { name, state } of body.components) {
      if (state === 'complete' && !goodAt.has(name)) goodAt.set(name, one.atMs);
    }
  }
  const lacking = (wanted ?? []).filter((name) => !goodAt.has(name));
  const goodAtMs = wanted === null || lacking.length > 0 ? null : Math.min(...goodAt.values());
  return { goodAtMs, lacking };
}

async function isNew({ home }: Account, sinceMs: number): Promise<boolean> {
  if (home === null) return false;
  return stat(home).then(
    ({ birthtimeMs }) => birthtimeMs > sinceMs,
    () => false,
  );
}

/** What a policy sends nowhere is expected where the scope backups.destination says, or everywhere. */
function isExpected(account: Account, addin: string, configuration: Configuration): boolean {
  const { destination } = configuration.steering;
  const sent = policyOf(account, configuration).destination.value ?? destination;
  return sent === null || sent === addin;
}
