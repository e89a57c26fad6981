/**
 * Which accounts have no good snapshot of every component that is young enough: the rule of alarms.
 *
 * A complete snapshot is good in all of it. Of partial ones, several together may be: each component counts
 * by its own last good, and the components that count are those of the newest snapshot. An account that is
 * younger than the limit has had no time yet. A snapshot that nobody can read or trusts is good for nothing: names
 * that this server wrote are taken at their word, but for a few accounts, others at each look, whose manifests are read.
 */

import { hash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { isAhead } from '../../core/ahead.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Account } from '../../core/index.ts';
import type { ListedSnapshot } from '../../core/jobs/catalog.ts';
import { eachLimited } from '../../core/jobs/each-limited.ts';
import { selectAccounts } from '../../core/jobs/resolve-accounts.ts';
import { erasedAmong } from '../erased-snapshots.ts';
import { type Doubt, SnapshotJudge } from '../judged-snapshots.ts';
import { missingNewest } from '../missing-newest.ts';
import { datedAhead, rememberedFindings, type ShownFinding } from '../recent-findings.ts';
import { listCandidates } from '../search.ts';
import type { StoreSession } from '../store-session.ts';
import { isOf, isSentHere, unreached } from './select-accounts.ts';
import { together } from './together.ts';

export interface AccountAge {
  readonly account: string;
  readonly domain: string | null;
  /** When everything was good last; null: never, as far as the limit is concerned. */
  readonly goodAtMs: number | null;
  /** Components without a good snapshot within the limit, of an account that is overdue. */
  readonly lacking: readonly string[];
  readonly overdue: boolean;
}

export interface Ages {
  readonly accounts: readonly AccountAge[];
  /** Snapshots that were passed over. */
  readonly doubts: readonly Doubt[];
  /** Sites of those whose directory no longer carries the UUID of the snapshots before. */
  readonly anew: readonly string[];
  /** What looks wrong about newest snapshots, as far as this server remembers it. */
  readonly suspect: readonly Suspect[];
}

export interface Suspect extends ShownFinding {
  readonly account: string;
}

/** No reason to wake somebody: the one was asked for, of the other `anew` tells. */
const quietFindings: readonly string[] = ['exclusions-changed', 'account-anew'];

const accountsAtOnce = 16;
/** How many are looked at each time, on average: all of a small server. */
const accountsLookedAt = 16;
/** Of one account; somebody may have planted any number. */
const mostPartial = 64;

/** @throws ACCOUNT_NOT_FOUND the configuration selects no account, which is no reason to be at ease */
export async function agesOf(
  session: StoreSession,
  { limitMs, nowMs }: { readonly limitMs: number; readonly nowMs: number },
): Promise<Ages> {
  const { addin, loaded, search, state, trust } = session;
  const { configuration } = loaded;
  const [candidates, found, judge] = await Promise.all([
    listCandidates(search, null),
    search.panelAccounts(),
    SnapshotJudge.open(search, trust, configuration.stateDir),
  ]);
  const sites = state?.sites() ?? new Map<string, string>();
  const selected = selectAccounts(found, addin.accounts, sites);
  if (selected.accounts.length === 0) {
    throw new HoldfastError('ACCOUNT_NOT_FOUND', `the configuration ${addin.name} selects no account`);
  }
  // Those that are sent here and that it does not select nobody backs up.
  const astray = unreached(found, configuration, sites).filter((one) => isOf(one.addin, addin.name));
  const accounts = [
    ...selected.accounts.filter((account) => isSentHere(account, addin.name, configuration)),
    ...astray.map(({ account }) => account),
  ];
  // What a clock that was wrong has dated would keep the alarm silent until then; what was erased, for ever.
  const erased = await erasedAmong(search, trust, addin, candidates);
  const past = candidates.filter(({ id, atMs }) => !isAhead(atMs, nowMs) && !erased.has(id));
  const byOwner = Map.groupBy(past, ({ owner }) => owner);
  const ages: AccountAge[] = [];
  const doubts: Doubt[] = [];
  const anew: string[] = [];
  const readable = candidates.filter(({ id }) => !erased.has(id));
  const suspectsOf = suspectsAmong(judge, readable, { addin: addin.name, nowMs });
  const suspects: Suspect[][] = [];
  const missing = await missingNewest(session, judge, candidates);
  const isLookedAt = (owner: string | null): boolean =>
    hash('sha256', `${owner} ${nowMs}`, 'buffer').readUInt32BE() / 2 ** 32 <
    accountsLookedAt / accounts.length;
  const ageOf = async (account: Account, index: number): Promise<AccountAge> => {
    const { site, domain } = account;
    const owner = state === null ? null : await state.knownAccountId(account);
    if (state !== null && state.former(account, owner) !== null) anew.push(site);
    const listed = owner === null ? [] : (byOwner.get(owner) ?? []);
    suspects[index] = suspectsOf(site, owner);
    const passedOver: Doubt[] = [];
    const complete = (await judge.newestComplete(listed, passedOver, isLookedAt(owner)))?.atMs ?? null;
    const base = { account: site, domain, goodAtMs: complete, lacking: [] };
    const isYoung = ({ atMs }: ListedSnapshot): boolean => nowMs - atMs <= limitMs;
    const young = listed.filter((one) => one.state === 'partial' && isYoung(one));
    const fresh = complete !== null && nowMs - complete <= limitMs;
    const { goodAtMs, lacking } = fresh
      ? { goodAtMs: complete, lacking: [] }
      : await together(judge, young.slice(-mostPartial), passedOver);
    const gone = missing.get(owner ?? '');
    if (gone !== undefined) doubts.push(gone);
    const doubted = new Set(passedOver);
    doubts.push(...doubted);
    if (fresh) return { ...base, overdue: false };
    if (listed.length === doubted.size && !listed.some((one) => judge.isWritten(one)))
      return { ...base, overdue: !(await isNew(account, nowMs - limitMs)) };
    if (goodAtMs !== null) return { ...base, goodAtMs, overdue: false };
    return { ...base, lacking, overdue: true };
  };
  // Where all snapshots are partial, manifests are read of each account.
  await eachLimited([...accounts.entries()], accountsAtOnce, async ([index, account]) => {
    ages[index] = await ageOf(account, index);
  });
  return { accounts: ages, doubts, anew, suspect: suspects.flat() };
}

/** By what this server remembers: monitoring asks often, and the manifests of a fleet would be many. */
function suspectsAmong(
  judge: SnapshotJudge,
  listed: readonly ListedSnapshot[],
  { addin, nowMs }: { readonly addin: string; readonly nowMs: number },
): (account: string, owner: string | null) => Suspect[] {
  const newest = new Map(listed.map((one) => [one.owner, one]));
  const found = rememberedFindings(judge, listed, addin);
  return (account, owner) =>
    [...(found.get(owner ?? '') ?? []), ...datedAhead(newest.get(owner ?? '') ?? null, nowMs)]
      .filter(({ code }) => !quietFindings.includes(code))
      .map((one) => ({ ...one, account }));
}

async function isNew({ home }: Account, sinceMs: number): Promise<boolean> {
  if (home === null) return false;
  return stat(home).then(
    ({ birthtimeMs }) => birthtimeMs > sinceMs,
    () => false,
  );
}
