/**
 * What the store has of each account that an addin configuration selects, for `status`.
 *
 * Goes by names, and by what this server remembers; a manifest is read only where these leave something open.
 */

import { isAhead } from '../core/ahead.ts';
import type { Account } from '../core/index.ts';
import type { ListedSnapshot } from '../core/jobs/catalog.ts';
import { eachLimited } from '../core/jobs/each-limited.ts';
import { selectAccounts } from '../core/jobs/resolve-accounts.ts';
import { trustsNobody } from '../core/jobs/trust.ts';
import { databasesOwner } from '../core/state/database-owners.ts';
import { erasedAmong } from './erased-snapshots.ts';
import { type Doubt, SnapshotJudge } from './judged-snapshots.ts';
import { knownIds } from './known-ids.ts';
import { missingNewest } from './missing-newest.ts';
import { ownersBySite } from './owners-by-site.ts';
import { datedAhead, findingsOfEach, type ShownFinding } from './recent-findings.ts';
import { isFor } from './runs/select-accounts.ts';
import { listCandidates, ownServers } from './search.ts';
import type { StoreSession } from './store-session.ts';

const accountsAtOnce = 16;

export interface SeenAccount {
  readonly account: Account;
  readonly uuid: string | null;
  /** Oldest first. */
  readonly listed: readonly ListedSnapshot[];
  /** Without those that were erased, or that a clock that was wrong has dated ahead of now. */
  readonly past: readonly ListedSnapshot[];
  readonly last: ListedSnapshot | null;
  /** The last was. */
  readonly isErased: boolean;
  readonly good: ListedSnapshot | null;
  readonly findings: readonly ShownFinding[];
  /** Snapshots that are damaged or not trusted, as far as they were looked at. */
  readonly doubts: readonly Doubt[];
}

/** One that the panel has no more. */
export interface GoneAccount {
  readonly uuid: string;
  /** Its site, where that is known. */
  readonly account: string | null;
  readonly snapshots: number;
  readonly lastAtMs: number;
}

export interface Seen {
  /** As the panel orders them. */
  readonly seen: readonly SeenAccount[];
  /** Those of this server that the store has snapshots of, which were not erased. */
  readonly gone: readonly GoneAccount[];
  /** The configuration selects no account of the panel. */
  readonly selectsNone: boolean;
  /** There are snapshots, and this machine trusts nobody: whoever made them, they are taken as they are. */
  readonly isUnproved: boolean;
  /** They are judged by. */
  readonly nowMs: number;
}

export async function seenAccounts(session: StoreSession, now: () => number): Promise<Seen> {
  const { loaded, addin, search, state, trust } = session;
  const { configuration } = loaded;
  const { stateDir } = configuration;
  const sites = state?.sites() ?? new Map<string, string>();
  const trusted = trustsNobody(trust) ? null : trust;
  const [listed, [found, ids], judge] = await Promise.all([
    listCandidates(search, null),
    search.panelAccounts().then(async (all) => [all, await knownIds(all, state)] as const),
    SnapshotJudge.open(search, trusted, stateDir),
  ]);
  const selected = selectAccounts(found, addin.accounts, sites);
  const accounts = selected.accounts.filter((one) => isFor(one, addin.name, configuration));
  const byOwner = Map.groupBy(listed, ({ owner }) => owner);
  const owners = await ownersBySite(search, listed, accounts);
  const isUnproved = trusted === null && listed.length > 0;
  if (isUnproved)
    search.note?.(
      'note: this machine trusts nobody, so nothing tells whether these snapshots are good ones: name servers in "trustedSigners" of config.json',
    );
  const nowMs = now();
  const erased = await erasedAmong(search, trusted, addin, listed);
  const newest = [...byOwner.values()].flatMap((ofOwner) => ofOwner.slice(-1));
  const findings = await findingsOfEach(judge, newest, { stateDir, addin: addin.name });
  const seen = accounts.map((account) => {
    const uuid = owners.get(account.site) ?? ids.get(account) ?? null;
    const ofAccount = uuid === null ? [] : (byOwner.get(uuid) ?? []);
    return seenAccount({ account, uuid, listed: ofAccount }, { judge, findings, erased, nowMs });
  });
  const unsure = [...seen.keys()].filter((index) => seen[index]!.good === null);
  await eachLimited(unsure, accountsAtOnce, async (index) => {
    seen[index] = await lookedAt(seen[index]!, judge);
  });
  const missing = await missingNewest(session, judge, listed);
  for (const [index, one] of seen.entries()) {
    const doubt = missing.get(one.uuid ?? '');
    if (doubt !== undefined) seen[index] = { ...one, doubts: [doubt, ...one.doubts] };
  }
  const present = new Set([...ids.values(), ...owners.values()]);
  for (const uuid of [...present]) present.add(databasesOwner(uuid));
  // Without a state it cannot be told whose they were.
  const own = ownServers(state);
  const left = listed.filter(
    ({ id, owner, server }) => own.includes(server) && !present.has(owner) && !erased.has(id),
  );
  const { siteOf } = search.provider;
  const gone = [...Map.groupBy(left, ({ owner }) => owner)].map(([uuid, all]) => ({
    uuid,
    account: siteOf?.(uuid) ?? null,
    snapshots: all.length,
    lastAtMs: Math.max(...all.map(({ atMs }) => atMs)),
  }));
  return { seen, gone, selectsNone: selected.accounts.length === 0, isUnproved, nowMs };
}

interface Known {
  readonly judge: SnapshotJudge;
  readonly findings: ReadonlyMap<string, readonly ShownFinding[]>;
  /** Ids of snapshots. */
  readonly erased: ReadonlySet<string>;
  readonly nowMs: number;
}

/** By what is known without a look at its manifests. */
function seenAccount(
  stored: Pick<SeenAccount, 'account' | 'uuid' | 'listed'>,
  { judge, findings, erased, nowMs }: Known,
): SeenAccount {
  const { listed } = stored;
  const last = listed.at(-1) ?? null;
  const past = listed.filter(({ id, atMs }) => !isAhead(atMs, nowMs) && !erased.has(id));
  return {
    ...stored,
    past,
    last,
    isErased: last !== null && erased.has(last.id),
    good: judge.sure(past),
    findings: [...(findings.get(last?.id ?? '') ?? []), ...datedAhead(last, nowMs)],
    doubts: [],
  };
}

/** By its manifests, as many as it takes. */
async function lookedAt(one: SeenAccount, judge: SnapshotJudge): Promise<SeenAccount> {
  const doubts: Doubt[] = [];
  const good = await judge.newestComplete(one.past, doubts);
  if (one.last !== null && !judge.isWritten(one.last)) {
    const { doubt } = await judge.read(one.last);
    if (doubt !== null) doubts.unshift(doubt);
  }
  return { ...one, good, doubts: [...new Set(doubts)] };
}
